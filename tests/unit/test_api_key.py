"""API keys: their text, what is kept of them, when they end."""

import json
from dataclasses import replace
from typing import Any

import pytest

from app.contract.api_key import ApiKey, Scope, digest_of, holds_key, is_key_name, key_id, new_key, newest
from app.contract.expiry import expiry_of

NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("scopes", "prefix"),
    [
        ([Scope.INGEST], "mp_ingest_"),
        ([Scope.ADMIN, Scope.ADMIN], "mp_admin_"),
        ([Scope.READ, Scope.AUDIT], "mp_multi_"),
    ],
)
def test_text_says_what_it_is_and_only_its_digest_is_kept(scopes: list[Scope], prefix: str) -> None:
    key, text = new_key("servers", scopes)
    assert text.startswith(f"{prefix}{key.id}_")
    assert len(text.rpartition("_")[2]) == 40
    assert key.digest == digest_of(text.encode())
    assert text.rpartition("_")[2] not in key.to_json().decode()
    assert key_id(text.encode()) == key.id
    assert holds_key(b"x=" + text.encode() + b"&y")
    assert "digest" not in key.shown()
    assert new_key("servers", scopes)[1] != text


@pytest.mark.parametrize("text", [b"", b"mp_ingest_short_x", b"mp_other_" + b"a" * 10 + b"_" + b"b" * 40, b"\xff" * 60])
def test_other_text_has_no_id(text: bytes) -> None:
    assert key_id(text) is None
    assert not holds_key(text)


def test_kept_key_is_read_back_whatever_a_later_version_adds() -> None:
    key, _ = new_key("näme", [Scope.READ, Scope.INGEST], 2.5, NOW)
    assert ApiKey.from_json(key.to_json()) == key
    assert ApiKey.from_json(json.dumps({**json.loads(key.to_json()), "colour": "red"})) == key


KEPT: dict[str, Any] = json.loads(new_key("x", [Scope.READ])[0].to_json())


WRONG: list[dict[str, Any]] = [
    {"scopes": ["root"]}, {"scopes": None}, {"digest": "12"}, {"digest": None}, {"digest": "z" * 64}, {"rate": None},
    {"expires_at": "soon"}, {"revoked_at": []}, {"id": 1}, {"created_at": "x"},
]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "1", "{", "{}", b"\xff", *(json.dumps(KEPT | change) for change in WRONG)]
)
def test_what_is_no_kept_key_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (any of them: the caller cannot do anything else about it)
        ApiKey.from_json(text)


def test_revoked_copy_is_the_newer_in_any_order() -> None:
    key, _ = new_key("x", [Scope.READ])
    revoked = key.revoked()
    assert newest(key, revoked) == newest(revoked, key) == revoked
    assert revoked.revoked() is revoked
    assert newest(None, key) == newest(key, None) == key
    assert not revoked.is_valid(NOW)


def test_key_is_valid_until_it_expires() -> None:
    key = replace(new_key("x", [Scope.READ])[0], expires_at=NOW)
    assert [key.is_valid(NOW - 0.001), key.is_valid(NOW)] == [True, False]


@pytest.mark.parametrize("name", ["", " ", "a" * 101, "a\nb", "\x1b[31m", "\x00", "\u202e", "\ud800", None, 1, ["x"]])
def test_names_that_cannot_be_shown_are_refused(name: Any) -> None:
    assert not is_key_name(name)


def test_names_in_any_script_are_taken() -> None:
    assert all(map(is_key_name, ("x", "a" * 100, "Spielserver Köln", "ゲーム", "a b")))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("30d", NOW + 30 * 86_400),
        ("1m", NOW + 60),
        ("12h", NOW + 43_200),
        ("2w", NOW + 14 * 86_400),
        ("2026-11-18T13:00:00+01:00", 1_795_003_200),
        ("2027-01-01", 1_798_761_600),
        ("1798761600", 1_798_761_600),
        (1_798_761_600, 1_798_761_600),
        (1_798_761_600.5, 1_798_761_600.5),
    ],
)
def test_expiry_is_a_time_to_come(given: Any, expected: float) -> None:
    assert expiry_of(given, NOW) == expected


@pytest.mark.parametrize(
    "given",
    [
        "", "0d", "-1d", "1.5d", "d", "30", "30 d", "soon", "1999-01-01", "9" * 50 + "d", "٣d", "9999-12-31",
        "1" * 5000, 0, -1, NOW, 1e300, float("nan"), float("inf"), 10**400, True, None, [], {},
    ],
)  # fmt: skip
def test_other_expiries_are_refused(given: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        expiry_of(given, NOW)
