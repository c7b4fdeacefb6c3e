"""Who is let in, without a server around it."""

from typing import Any

import pytest

from app.access import admission as module
from app.access.need import ADMIN, ALWAYS_ADMIN, INGEST, OPEN, PROBE, PUBLIC_READ, READ
from app.contract.api_key import Scope, new_key
from tests.admission import TOKEN, WRONG, admission_of, bearer, refused, request


@pytest.mark.parametrize(
    "header",
    [
        ("Authorization", "Bearer {}"), ("authorization", "bearer {}"), ("AUTHORIZATION", "BEARER   {}"),
        ("X-API-Key", "{}"), ("x-api-key", "{}"),
    ],
)  # fmt: skip
async def test_key_is_read_from_either_header(header: tuple[str, str]) -> None:
    key, text = new_key("x", [Scope.READ])
    admission = await admission_of([key])
    sent = (header[0], header[1].format(text))
    for _ in range(2):
        assert admission.admit(request(("Host", "x"), sent), READ, "").id == key.id
    proxied = request(("Authorization", "Basic dXNlcjpwYXNz"), ("X-API-Key", text))
    assert admission.admit(proxied, READ, "").id == key.id


@pytest.mark.parametrize(
    "header",
    [
        ("Authorization", "Basic dXNlcjpwYXNz"), ("Authorization", "{}"), ("Authorization", "Bearer"),
        ("Cookie", "key={}"), ("Proxy-Authorization", "Bearer {}"),
    ],
)  # fmt: skip
async def test_key_elsewhere_is_none(header: tuple[str, str]) -> None:
    key, text = new_key("x", [Scope.READ])
    admission = await admission_of([key])
    for good in (("X-API-Key", text), ("Authorization", f"Bearer {text}")):  # both are remembered
        admission.admit(request(good), READ, "")
    problem = refused(admission, request((header[0], header[1].format(text))), READ)
    assert (problem.status, problem.code) == (401, "key_required")
    assert problem.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "change", [str.upper, str.lower, lambda t: t + "x", lambda t: t[:-1], lambda t: t + " ", str.title]
)
async def test_key_is_compared_as_a_whole(change: Any) -> None:
    key, text = new_key("x", [Scope.READ])
    admission = await admission_of([key])
    assert refused(admission, request(bearer(change(text))), READ).code == "invalid_key"


@pytest.mark.parametrize("text", ["", "\xff\xfe", "x" * 60_000, "mp_", WRONG])
async def test_anything_else_is_a_wrong_key_and_not_logged(text: str, caplog: pytest.LogCaptureFixture) -> None:
    admission = await admission_of()
    caplog.clear()
    assert refused(admission, request(("X-API-Key", text)), READ).code == "invalid_key"
    (record,) = caplog.records
    line = vars(record)
    assert (line["address"], line["route"]) == ("192.0.2.1", "GET /test")
    assert line["key"] == ("abcdefghij" if text == WRONG else None)
    assert "xxxxxx" not in repr(line)


async def test_remembered_key_expires_and_is_revoked_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_795_000_000.0
    monkeypatch.setattr(module, "time", lambda: now)
    monkeypatch.setattr(module, "monotonic", lambda: now - 1e9)
    key, text = new_key("x", [Scope.READ], expires_at=now + 10)
    other, other_text = new_key("y", [Scope.READ])
    admission = await admission_of([key, other])
    for sent in (text, other_text):
        admission.admit(request(bearer(sent)), READ, "")
    now += 10
    assert refused(admission, request(bearer(text)), READ).code == "expired_key"
    admission.keyring._learn(other.revoked())
    admission.update()
    assert refused(admission, request(bearer(other_text)), READ).code == "revoked_key"


async def test_admin_token_is_the_first_admin_key() -> None:
    admission = await admission_of(admin_token=TOKEN)
    for need in (OPEN, INGEST, READ, ADMIN, ALWAYS_ADMIN):
        assert need.scope is None or admission.admit(request(bearer(TOKEN)), need, "").id == "admin"
    assert refused(admission, request(bearer(TOKEN[:-1])), ADMIN).code == "invalid_key"
    assert refused(await admission_of(), request(bearer("")), ADMIN).code == "invalid_key", "none is set"


async def test_keys_are_off_on_loopback_until_there_is_one() -> None:
    admission = await admission_of(loopback=True)
    for need in (READ, INGEST, ADMIN):
        admission.admit(request(bearer("whatever")), need, "")
    assert refused(admission, request(), ALWAYS_ADMIN).code == "admin_disabled"
    key, text = new_key("x", [Scope.READ])
    admission.keyring._learn(key.revoked())
    admission.update()
    assert refused(admission, request(), READ).code == "key_required"
    assert refused(admission, request(bearer(text)), READ).code == "revoked_key"


async def test_keys_are_needed_behind_a_proxy_on_this_machine() -> None:
    admission = await admission_of(loopback=True, trusted_proxies="127.0.0.1")
    assert refused(admission, request(), READ).code == "key_required"


async def test_anonymous_is_allowed_elsewhere_until_there_is_a_key() -> None:
    admission = await admission_of(allow_anonymous=True)
    admission.admit(request(), ADMIN, "")
    key, _ = new_key("x", [Scope.READ])
    assert refused(await admission_of([key], allow_anonymous=True), request(), READ).code == "key_required"
    assert refused(await admission_of(), request(), READ).code == "key_required"


@pytest.mark.parametrize("loopback", [True, False])
async def test_nobody_gets_in_while_the_keys_are_unknown(loopback: bool) -> None:
    admission = await admission_of(loopback=loopback, epoch="", admin_token=TOKEN)
    assert refused(admission, request(bearer(WRONG)), READ).code == "keys_unknown"
    assert refused(admission, request(), READ).code == ("keys_unknown" if loopback else "key_required")
    assert admission.admit(request(bearer(TOKEN)), ADMIN, "").id == "admin"
    admission.admit(request(), PROBE, "")
    key, text = new_key("x", [Scope.READ])
    admission.keyring._learn(key)
    admission.update()
    assert admission.admit(request(bearer(text)), READ, "").id == key.id
    assert refused(admission, request(), READ).code == "key_required"


async def test_public_reads_need_no_key_and_still_refuse_a_wrong_one() -> None:
    admission = await admission_of(public_reads=True)
    admission.admit(request(), PUBLIC_READ, "")
    assert refused(admission, request(), READ).code == "key_required"
    assert refused(admission, request(bearer(WRONG)), PUBLIC_READ).code == "invalid_key"


QUERIES = [
    "api_key={}", "area_code=1&API-Key=x", "x-api-key=x", "key=x", "token=x", "access_token=x",
    "Authorization=Bearer+x", "auth=x", "area_code={}", "area_code=1&user={}&b=2", "{}", "{}=1",
    "&".join(["area_code=1234"] * 1000) + "&key={}", "key={}&" + "&".join(["area_code=1234"] * 1000),
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("loopback", [True, False])
async def test_key_in_the_address_is_refused_and_repeated_nowhere(
    query: str, loopback: bool, caplog: pytest.LogCaptureFixture
) -> None:
    key, text = new_key("x", [Scope.READ])
    admission = await admission_of([key], loopback=loopback)
    caplog.clear()
    for need in (OPEN, PROBE, READ):
        problem = refused(admission, request(bearer(text), query=query.format(text)), need)
        assert (problem.status, problem.code) == (422, "key_in_query")
        assert text not in problem.body().decode()
    assert not caplog.records


@pytest.mark.parametrize(
    "query", ["area_code=key", "area_code=token", "keys=1", "monkey=1", "area_code=mp_duel", "a=%FF%00"]
)
async def test_other_parameters_are_left_to_the_endpoint(query: str) -> None:
    admission = await admission_of(loopback=True)
    for _ in range(2):
        admission.admit(request(query=query), READ, "")
