"""Which way imports go: the packages, the sides inside them, the clients of the two stores, and no cycles."""

from collections.abc import Callable
from typing import TypeAlias

import pytest

from tests.unit.imports import COMPUTED, EMPTY_PACKAGES, IMPORTS, OURS, PRODUCT, Import, find_cycle, refuse

Clients: TypeAlias = tuple[str, ...]

REDIS: Clients = ("redis", "hiredis", "coredis")
ASYNCPG: Clients = ("asyncpg",)
POSTGRES_SIDE = tuple(
    f"archiver.{name}"
    for name in ("batches", "checkpoint", "copy_format", "counter_deltas", "leader", "postgres", "retention")
)
RULES: dict[str, Callable[[Import], bool]] = {
    # The packages. bench and tests are on top and may import all.
    "lua imports none of ours": lambda i: i.by("lua") and i.of(*OURS) and not i.of("lua"),
    "app never imports archiver or modepulse": lambda i: i.by("app") and i.of("archiver", "modepulse"),
    "archiver takes from app only contract, exposition, settings and logs": lambda i: (
        i.by("archiver") and i.of("app") and not i.of("app.contract", "app.exposition", "app.settings", "app.logs")
    ),
    "app.exposition imports only itself": lambda i: (
        i.by("app.exposition") and i.of(*OURS) and not i.of("app.exposition")
    ),
    "archiver never imports modepulse": lambda i: i.by("archiver") and i.of("modepulse"),
    "nobody imports bench, and only bench imports tests": lambda i: (
        (i.of("bench") and not i.by("bench")) or (i.of("tests") and not i.by("tests", "bench"))
    ),
    "a module is imported from its package by its own name": lambda i: i.by(*PRODUCT) and i.target in EMPTY_PACKAGES,
    "no import is computed": lambda i: i.by(*PRODUCT) and i.target == COMPUTED,
    # Inside app.
    "app.live never imports what talks to Postgres, or HTTP": lambda i: (
        i.by("app.live") and i.of("asyncpg", "app.contract.postgres", "app.archive", "app.api", "app.openapi")
    ),
    "app.archive never imports HTTP": lambda i: i.by("app.archive") and i.of("app.api", "app.openapi"),
    "app.archive.erasure alone uses both sides": lambda i: (
        i.by("app.archive") and i.of("app.live") and not i.by("app.archive.erasure")
    ),
    "app.access never imports the endpoints, the document or the stores' clients": lambda i: (
        i.by("app.access") and i.of("app.api", "app.openapi", "app.archive", *REDIS, *ASYNCPG)
    ),
    "app.live and app.archive never import app.access": lambda i: (
        i.by("app.live", "app.archive") and i.of("app.access")
    ),
    "app.contract imports only itself": lambda i: (
        i.by("app.contract")
        and i.of(*OURS)
        and not i.of("app.contract")
        and not (i.by("app.contract.connection") and i.of("app.settings"))
        and not (i.by("app.contract.key_store") and i.of("lua"))
    ),
    "only app.routes and app.application import app.api": lambda i: (
        i.of("app.api") and i.by(*PRODUCT) and not i.by("app.api", "app.routes", "app.application")
    ),
    "app.access never imports what answers, or Postgres": lambda i: (
        i.by("app.access") and i.of("app.api", "app.openapi", "app.archive", "asyncpg")
    ),
    "only app.routes imports app.openapi": lambda i: (
        i.of("app.openapi") and i.by(*PRODUCT) and not i.by("app.openapi", "app.routes")
    ),
    "only app.api and app.openapi import app.bounds": lambda i: (
        i.of("app.bounds") and i.by(*PRODUCT) and not i.by("app.api", "app.openapi")
    ),
    # Inside archiver.
    "what writes to Postgres never imports redis": lambda i: (
        i.by(*POSTGRES_SIDE) and i.of(*REDIS, "app.contract.connection")
    ),
    "archiver.stream never imports asyncpg": lambda i: (
        i.by("archiver.stream") and i.of("asyncpg", "app.contract.postgres")
    ),
}
# The modules that import a store's client: no others, and none of these in vain.
CLIENTS: dict[Clients, set[str]] = {
    REDIS: {
        "archiver.archived_state",
        "archiver.live_state",
        "archiver.live_totals",
        "archiver.log_follower",
        "app.contract.connection",
        "app.contract.key_store",
        "app.contract.totals",
        "app.live.counters",
        "app.live.keyring",
        "app.live.monitor",
        "app.live.multiplexer",
        "app.live.script_call",
        "archiver.api_keys",
        "app.live.secret",
        "app.live.totals",
        "archiver.heal",
        "archiver.key_copies",
        "archiver.partition",
        "archiver.rebuild",
        "archiver.recount",
        "archiver.salvage",
        "archiver.schedule",
        "archiver.stream",
        "archiver.verify",
        "lua",
        "archiver.start_line",
        "modepulse.commands.clients",
        "modepulse.commands.keys",
        "modepulse.commands.stores",
        "modepulse.demo",
        "modepulse.exposure",
        "modepulse.live_data",
        "modepulse.status.redis_side",
        "modepulse.status.status",
        "modepulse.redis_prompt",
    },
    ASYNCPG: {
        "app.archive.access_log",
        "app.archive.pool",
        "app.contract.postgres",
        "archiver.api_keys",
        "archiver.batches",
        "archiver.postgres",
        "archiver.retention",
        "modepulse.launcher.postgres_server",
        "modepulse.status.postgres_side",
    },
}


@pytest.mark.parametrize("rule", RULES)
def test_imports(rule: str) -> None:
    refuse(rule, (found for found in IMPORTS if RULES[rule](found)))


@pytest.mark.parametrize("of_packages", [False, True], ids=["modules", "packages"])
def test_no_import_cycle(of_packages: bool) -> None:
    assert not (cycle := find_cycle(of_packages)), "an import cycle: " + " -> ".join(cycle)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client[0])
def test_stores_are_reached_from_named_modules_only(client: Clients) -> None:
    found = {i.importer: i for i in reversed(IMPORTS) if i.by(*PRODUCT) and i.of(*client)}
    others = (i for importer, i in found.items() if importer not in CLIENTS[client])
    refuse(f"{client[0]} is imported elsewhere", others)
    refuse(f"{client[0]} is no longer imported by", CLIENTS[client] - found.keys())
