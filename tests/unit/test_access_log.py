"""The audit trail while Postgres does not take it: bounded, counted, and never in anybody's way."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from app.api import recorded
from app.api.recorded import RECORDED, Recorded
from app.archive import access_log
from app.archive.access_entry import AccessAction, AccessEntry
from app.archive.access_log import AccessLog
from app.routes import routes
from app.settings import Settings


class FakeStore:
    """Stands for Postgres: stores entries by identity, as the table does, while it is up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.up = True
        self.stored: dict[Any, AccessEntry] = {}
        self.tries = asyncio.Event()
        monkeypatch.setattr(access_log, "insert_access", self._insert)
        monkeypatch.setattr(AccessLog, "_connect", self._connect)
        for seconds in ("GATHER_SECONDS", "RETRY_SECONDS"):
            monkeypatch.setattr(access_log, seconds, 0.001)

    async def _insert(self, _: Any, entries: Sequence[AccessEntry]) -> None:
        self.tries.set()
        if not self.up:
            raise OSError("down")
        self.stored |= {entry.id: entry for entry in entries}

    async def _connect(self) -> Any:
        return self

    def is_closed(self) -> bool:
        return False

    def terminate(self) -> None:
        pass

    async def holds(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.stored) < count:
                self.tries.clear()
                await self.tries.wait()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    return FakeStore(monkeypatch)


def entry(status: int = 200) -> AccessEntry:
    return AccessEntry(AccessAction.READ, "GET /events", "192.0.2.1", status=status)


def trail() -> AccessLog:
    return AccessLog(Settings(postgres_dsn="postgresql://somewhere"))


def said(caplog: pytest.LogCaptureFixture, field: str) -> list[Any]:
    return [getattr(record, field) for record in caplog.records if hasattr(record, field)]


async def test_entries_wait_for_postgres_up_to_a_bound_and_the_rest_is_counted(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(access_log, "MAX_WAITING", 3)
    monkeypatch.setattr(access_log, "BATCH_ENTRIES", 2)
    store.up = False
    log = trail()
    async with log.writing():
        entries = [entry() for _ in range(5)]
        for each in entries:
            log.record(each)
        async with asyncio.timeout(10):
            await store.tries.wait()
        store.up = True
        await store.holds(3)
        assert set(store.stored) == {each.id for each in entries[:3]}
        log.record(each := entry())
        await store.holds(4)
        assert each.id in store.stored
    assert said(caplog, "waiting") == [3], "said once, not at every try"
    assert said(caplog, "lost") == [2]
    assert len(said(caplog, "access")) == 6, "each is in the log whatever becomes of it"


async def test_a_stop_writes_what_waits_and_counts_what_cannot_be(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(access_log, "GATHER_SECONDS", 60)
    log = trail()
    async with log.writing():
        log.record(entry())
    assert len(store.stored) == 1
    assert said(caplog, "lost") == []
    async with log.writing():
        store.up = False
        log.record(entry())
    assert said(caplog, "lost") == [1]


async def test_what_an_erasure_stored_is_logged_only(store: FakeStore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = trail()
    async with log.writing():
        log.record(AccessEntry(AccessAction.ERASE, "DELETE /users/{user_id}", "", status=200, stored=True))
    assert store.stored == {}
    assert said(caplog, "access") == ["erase"]


async def test_a_flood_of_refusals_is_counted_and_hides_nothing(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(access_log, "MAX_FAILURES", 4)
    log = trail()
    async with log.writing():
        for _ in range(10):
            log.record(entry(401))
        log.record(kept := entry(200))
        await store.holds(5)
        assert kept.id in store.stored
    assert said(caplog, "unrecorded") == [6]


async def test_without_postgres_there_is_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = AccessLog(Settings())
    async with log.writing():
        log.record(entry())
    assert said(caplog, "access") == ["read"]
    assert said(caplog, "lost") == []


class Principal:
    def __init__(self, identity: str, name: str) -> None:
        self.id, self.name = identity, name


class Lines:
    """In place of AccessLog."""

    def __init__(self) -> None:
        self.entries: list[AccessEntry] = []

    def record(self, entry: AccessEntry) -> None:
        self.entries.append(entry)


async def use(route: str, query: str = "", status: int = 200, principal: Principal | None = None) -> AccessEntry:
    """The entry of one request to an endpoint that answers with this status, or fails with 0."""
    lines = Lines()

    async def endpoint(scope: Any, _: Any, send: Any) -> None:
        if principal is not None:
            scope["state"]["principal"] = principal
        if not status:
            raise ValueError
        await send({"type": "http.response.start", "status": status, "headers": []})

    async def receive() -> Any:
        raise NotImplementedError

    async def send(_: Any) -> None:
        pass

    scope: Any = {"type": "http", "client": ("192.0.2.7", 4711), "query_string": query.encode(), "headers": []}
    scope |= {"state": {"access_log": lines}, "path_params": {"key_id": "k1"}}
    with suppress(ValueError):
        await Recorded(endpoint, route)(scope, receive, send)
    (found,) = lines.entries
    return found


@pytest.mark.parametrize(
    ("principal", "who"),
    [
        (None, ("", "anonymous")),
        (Principal("", ""), ("", "anonymous")),
        (Principal("k3v0s8wq1x", "support"), ("k3v0s8wq1x", "support")),
        (Principal("admin", "MODEPULSE_ADMIN_TOKEN"), ("admin", "admin token")),
    ],
)
async def test_who_is_the_principal_that_the_guard_found(principal: Principal | None, who: tuple[str, str]) -> None:
    for status in (200, 403):
        found = await use("GET /events", "", status, principal)
        assert (found.key_id, found.key_name) == who
        assert (found.address, found.status) == ("192.0.2.7", status)


async def test_a_failure_is_recorded_as_one() -> None:
    assert (await use("GET /events", "user_id=ann", 0)).status == 500


async def test_only_a_key_that_was_revoked_is_named() -> None:
    assert (await use("DELETE /keys/{key_id}", "", 200)).target == "k1"
    assert (await use("DELETE /keys/{key_id}", "", 404)).target is None


@pytest.mark.parametrize("query", ["format=csv", "format=CSV&x=1", "user_id=a&format=ndjson"])
async def test_exports_are_told_apart(query: str) -> None:
    found = await use("GET /events", query)
    assert found.action is AccessAction.EXPORT
    assert found.format in ("csv", "ndjson")
    assert set(found.filters) <= recorded.FILTERS


def test_every_route_for_auditors_and_admins_is_recorded() -> None:
    """By the scope that a route needs, where it says so."""
    served = {}
    for route in routes(Settings()):
        path = recorded.template(route.path)  # type: ignore[attr-defined]
        need = getattr(route.endpoint, "need", None)  # type: ignore[attr-defined]
        for method in route.methods - {"HEAD"}:  # type: ignore[attr-defined]
            served[f"{method} {path}"] = getattr(need, "scope", None)
    assert set(RECORDED) <= set(served)
    assert {route for route, scope in served.items() if scope in ("audit", "admin")} <= {
        *RECORDED,
        *(f"{route}/" for route in RECORDED),
    }
