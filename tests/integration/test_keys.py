"""Making, listing and revoking keys: over HTTP and by the command; how soon that works, and what it ends."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import event, problem
from tests.servers import Stack, eventually, modepulse, serving
from tests.sse_client import listening

pytestmark = SAME_ON_EVERY_SERVER

FIELDS = {"id", "name", "scopes", "rate", "created_at", "expires_at", "revoked_at"}


@pytest.fixture(scope="module")
def stack(redis_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With keys on, by a key that nobody uses."""
    with Stack(tmp_path_factory.mktemp("keys") / redis_name, wrong_keys_per_minute="20") as stack:
        command(stack, "create", "the first", "--scope", "read")
        eventually(lambda: httpx2.get(f"{stack.url}/areas").status_code == 401, 5)
        yield stack


@pytest.fixture
def admin(stack: Stack) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=stack.url, headers=stack.admin, timeout=10) as client:
        yield client


def command(stack: Stack, *arguments: str) -> str:
    done = modepulse("keys", *arguments, "--data-dir", str(stack.directory))
    assert done.returncode == 0, done.stderr
    return done.stdout


def make(admin: httpx2.Client, *scopes: str, **more: Any) -> dict[str, Any]:
    answer = admin.post("/keys", json={"name": "a test's", "scopes": scopes, **more})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    made: dict[str, Any] = answer.json()
    return made


def status(url: str, key: str, path: str = "/areas") -> int:
    return httpx2.get(url + path, headers={"X-API-Key": key}).status_code


def within(seconds: float, condition: Callable[[], bool]) -> None:
    eventually(condition, seconds)


def test_key_is_shown_once_and_works_at_once(stack: Stack, admin: httpx2.Client) -> None:
    made = make(admin, "read", rate=100, expires="30d")
    assert set(made) == FIELDS | {"key"}
    assert made["key"].startswith(f"mp_read_{made['id']}_")
    assert abs(made["expires_at"] - time.time() - 30 * 86_400) < 60
    assert status(stack.url, made["key"]) == 200
    answer = admin.get("/keys")
    assert answer.headers["cache-control"] == "no-store"
    listed = {key["id"]: key for key in answer.json()["keys"]}
    assert listed[made["id"]] == {name: made[name] for name in FIELDS}
    assert made["key"] not in answer.text


def test_key_of_one_process_works_in_the_others_within_a_second(stack: Stack, admin: httpx2.Client) -> None:
    with serving(redis_url=stack.run["redis_url"], postgres_dsn=stack.run["postgres_dsn"]) as other:
        assert httpx2.get(f"{other}/areas").status_code == 401
        key = make(admin, "read")["key"]
        within(1, lambda: status(other, key) == 200)


@pytest.mark.parametrize("way", ["http", "command"])
def test_revoked_key_works_nowhere_after_five_seconds(stack: Stack, admin: httpx2.Client, way: str) -> None:
    made = make(admin, "read")
    with serving(redis_url=stack.run["redis_url"], postgres_dsn=stack.run["postgres_dsn"]) as other:
        assert status(stack.url, made["key"]) == status(other, made["key"]) == 200
        if way == "http":
            for _ in range(2):
                answer = admin.delete(f"/keys/{made['id']}")
                assert answer.status_code == 200
                assert answer.json()["revoked_at"] is not None
            assert status(stack.url, made["key"]) == 401, "here at once"
        else:
            for name in (made["id"], made["key"]):
                assert made["id"] in command(stack, "revoke", name)
        within(5, lambda: status(stack.url, made["key"]) == status(other, made["key"]) == 401)
    problem_now = httpx2.get(f"{stack.url}/areas", headers={"X-API-Key": made["key"]})
    assert problem(problem_now, 401)["code"] == "revoked_key"


def test_stream_ends_with_its_key(stack: Stack, admin: httpx2.Client) -> None:
    made = make(admin, "read")
    url = f"{stack.url}/stats/stream?area_code=1"
    with httpx2.stream("GET", url, headers={"X-API-Key": made["key"]}, timeout=10) as stream:
        frames = stream.iter_raw()
        next(frames)
        admin.delete(f"/keys/{made['id']}")
        for _ in frames:  # to its orderly end; a time-out fails
            pass
    refused = httpx2.get(url, headers={"X-API-Key": made["key"]})
    assert problem(refused, 401)["code"] == "revoked_key"


def test_first_key_ends_what_was_open_to_all(own_stack: Stack) -> None:
    with own_stack as stack, listening(stack.url, "1") as stream:
        stream.next()
        made = httpx2.post(
            f"{stack.url}/keys", json={"name": "first", "scopes": ["read"]}, headers=stack.admin, timeout=10
        ).json()
        with pytest.raises(EOFError):
            stream.until(never=True)
        assert httpx2.get(f"{stack.url}/areas").status_code == 401
        assert status(stack.url, made["key"]) == 200


def test_expired_key_works_no_longer(stack: Stack, admin: httpx2.Client) -> None:
    made = make(admin, "read", expires=time.time() + 1)
    assert status(stack.url, made["key"]) == 200
    within(10, lambda: status(stack.url, made["key"]) == 401)
    assert httpx2.get(f"{stack.url}/areas", headers={"X-API-Key": made["key"]}).json()["code"] == "expired_key"


def test_keys_own_rate_is_kept(stack: Stack, admin: httpx2.Client) -> None:
    made = make(admin, "read", rate=2)
    answers = [httpx2.get(f"{stack.url}/areas", headers={"X-API-Key": made["key"]}) for _ in range(12)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    for answer in refused:
        assert problem(answer, 429)["code"] == "too_many_requests"
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["ratelimit-policy"] == '"requests";q=2;w=1'
        assert answer.headers["ratelimit"].startswith('"requests";r=0;t=')


def test_events_beyond_the_limit_are_refused_as_a_whole(stack: Stack, area: int) -> None:
    with serving(
        redis_url=stack.run["redis_url"], key_events_per_second="1", admin_token="the admin token of this test"
    ) as url:
        headers = {"X-API-Key": "the admin token of this test"}
        many = [event(area, f"u{n}") for n in range(9_999)]
        assert httpx2.post(f"{url}/events", json=many, headers=headers, timeout=30).json()["applied"] == 9_999
        assert httpx2.post(f"{url}/events", json=many[:1], headers=headers).status_code == 200
        refused = httpx2.post(f"{url}/events", json=[event(area, f"v{n}") for n in range(100)], headers=headers)
        assert problem(refused, 429)["code"] == "event_rate_exceeded"
        assert refused.headers["ratelimit-policy"] == '"events";q=10000;w=10000'
        (mode,) = httpx2.get(f"{url}/stats", params={"area_code": area}, headers=headers).json()[str(area)]
        assert mode["count"] == 9_999


def test_wrong_keys_are_throttled_and_right_ones_are_not(stack: Stack, admin: httpx2.Client) -> None:
    key = make(admin, "read")["key"]
    answers = [httpx2.get(f"{stack.url}/areas", headers={"X-API-Key": f"{key}{n}"}) for n in range(25)]
    codes = [answer.json()["code"] for answer in answers]
    assert codes.count("invalid_key") >= 1
    assert codes[-1] == "too_many_wrong_keys"
    assert problem(answers[-1], 429)
    assert status(stack.url, key) == 200


BAD: list[tuple[Any, list[list[str]]]] = [
    ([], [[]]),
    ({}, [["name"], ["scopes"]]),
    ({"name": "", "scopes": []}, [["name"], ["scopes"]]),
    ({"name": "a" * 101, "scopes": ["read"]}, [["name"]]),
    ({"name": "a\nb", "scopes": ["read"]}, [["name"]]),
    ({"name": 1, "scopes": "read"}, [["name"], ["scopes"]]),
    ({"name": "x", "scopes": ["read", "root"]}, [["scopes"]]),
    ({"name": "x", "scopes": ["READ"]}, [["scopes"]]),
    ({"name": "x", "scopes": [None]}, [["scopes"]]),
    ({"name": "x", "scopes": [{}]}, [["scopes"]]),
    ({"name": "x", "scopes": {"read": 1}}, [["scopes"]]),
    ({"name": "x", "scopes": ["read"], "rate": 0}, [["rate"]]),
    ({"name": "x", "scopes": ["read"], "rate": -1}, [["rate"]]),
    ({"name": "x", "scopes": ["read"], "rate": 5e-324}, [["rate"]]),
    ({"name": "x", "scopes": ["read"], "rate": 10**12}, [["rate"]]),
    ({"name": "x", "scopes": ["read"], "rate": True}, [["rate"]]),
    ({"name": "x", "scopes": ["read"], "rate": "5"}, [["rate"]]),
    ({"name": "x", "scopes": ["read"], "expires": "yesterday"}, [["expires"]]),
    ({"name": "x", "scopes": ["read"], "expires": 1}, [["expires"]]),
    ({"name": "x", "scopes": ["read"], "expires": "0d"}, [["expires"]]),
    ({"name": "x", "scopes": ["read"], "expire": "30d"}, [[]]),
]


@pytest.mark.parametrize(("body", "locations"), BAD)
def test_request_that_is_not_understood_makes_no_key(
    admin: httpx2.Client, body: Any, locations: list[list[str]]
) -> None:
    before = admin.get("/keys").json()
    refused = problem(admin.post("/keys", content=json.dumps(body)), 422)
    assert refused["code"] == "invalid_request"
    assert [fault["loc"] for fault in refused["errors"]] == locations
    assert admin.get("/keys").json() == before


@pytest.mark.parametrize("identity", ["unknownkey", "x", "%00", "a" * 5000, "mp_read_abcdefghij_" + "x" * 40])
def test_key_that_is_not_there_is_not_revoked(admin: httpx2.Client, identity: str) -> None:
    assert problem(admin.delete(f"/keys/{identity}"), 404)["code"] == "unknown_key"


def test_command_makes_lists_and_revokes(stack: Stack) -> None:
    text = command(stack, "create", "Köln 1", "--scope", "read", "--scope", "audit", "--rate", "5", "--expires", "12h")
    identity = text.split("_")[2]
    within(1, lambda: status(stack.url, text.strip()) == 200)
    (line,) = [line for line in command(stack, "list").splitlines() if line.startswith(identity)]
    assert line.split()[1:3] == ["read,audit", "5"]
    assert line.count("Z  ") == 2, "made, expires; not revoked"
    assert line.endswith("  Köln 1")
    assert text.rpartition("_")[2].strip() not in command(stack, "list")
    command(stack, "revoke", identity)
    (line,) = [line for line in command(stack, "list").splitlines() if line.startswith(identity)]
    assert line.count("Z  ") == 3, "made, expires, revoked"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["create", "", "--scope", "read"], 2), (["create", "a\nb", "--scope", "read"], 2), (["create", "x"], 2),
        (["create", "x", "--scope", "root"], 2), (["create", "x", "--scope", "read", "--rate", "0"], 2),
        (["create", "x", "--scope", "read", "--rate", "nan"], 2),
        (["create", "x", "--scope", "read", "--expires", "soon"], 2), (["revoke", "unknownkey"], 1),
    ],
)  # fmt: skip
def test_command_refuses_what_it_cannot_do(stack: Stack, arguments: list[str], code: int) -> None:
    before = command(stack, "list")
    done = modepulse("keys", *arguments, "--data-dir", str(stack.directory))
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert command(stack, "list") == before
