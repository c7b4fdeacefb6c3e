from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.summary import SUMMARY
from tests.scheduler import make_scheduler
from tests.script_harness import ScriptHarness
from tests.servers import Stack, eventually, redis_binaries, redis_server

BINARIES = redis_binaries()
# The one server of a test that need not run on both.
ON_VALKEY, ON_REDIS = pytest.mark.server("valkey"), pytest.mark.server("redis")
# For tests and modules whose subject does not depend on the server.
SAME_ON_EVERY_SERVER = ON_VALKEY


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", action="store_true", help="renew docs/screenshots")
    parser.addoption("--one-server", action="store_true", help="only the embedded Valkey, no redis-server")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that need a Redis run on every server, or on the one they are marked with."""
    if "redis_name" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("server")
    names = {marker.args[0]} if marker else set(BINARIES)
    if metafunc.config.getoption("--one-server") or not names <= set(BINARIES):
        names = {"valkey"}
    metafunc.parametrize("redis_name", sorted(names), indirect=True, scope="session")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return make_scheduler(config, log)


def pytest_report_header() -> list[str]:
    return [f"redis servers: {', '.join(f'{name} ({path})' for name, path in BINARIES.items())}"]


@pytest.fixture(scope="session")
def redis_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def redis_port(redis_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(BINARIES[redis_name], tmp_path_factory.mktemp(redis_name)) as port:
        yield port


@pytest.fixture
def engine(redis_port: int) -> Iterator[ScriptHarness]:
    """The scripts on a real server."""
    engine = eventually(lambda: _connect(redis_port))
    yield engine
    engine.close()


def _connect(port: int) -> ScriptHarness | None:
    try:
        return ScriptHarness(port)
    except OSError:
        return None


@pytest.fixture
def fake_engine() -> Iterator[ScriptHarness]:
    """The scripts on fakeredis: their logic only."""
    engine = ScriptHarness(None)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def stack(redis_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole service, from a user's first start; tests that share it use areas and users of their own."""
    directory = tmp_path_factory.mktemp("stack") / redis_name
    with Stack(directory, redis_server=str(BINARIES[redis_name]), initdb=True) as stack:
        yield stack


@pytest.fixture
def http(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=10) as client:
        yield client


@pytest.fixture
def own_stack(redis_name: str, tmp_path: Path) -> Iterator[Stack]:
    """The whole service for one test, not yet started."""
    stack = Stack(tmp_path / "data", redis_server=str(BINARIES[redis_name]))
    yield stack
    if stack.process is not None and stack.process.poll() is None:
        stack.stop()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes hands its faults to the first."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["faults"] = SUMMARY.packed()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    SUMMARY.unpack(getattr(node, "workeroutput", {}).get("faults", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SUMMARY.rows:
        terminalreporter.section("faults")
        for line in SUMMARY.lines():
            terminalreporter.write_line(line)
