"""The clients, each in a process of its own, against the service with keys."""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import httpx2
import pytest

from tests.api_keys import Key, make_key
from tests.clients.driver import Driver
from tests.clients.front import Front, fronting
from tests.conftest import BINARIES
from tests.documents import ROOT
from tests.servers import Stack, eventually

DRIVERS = Path(__file__).parent / "drivers"
TYPESCRIPT = ROOT / "clients" / "typescript"
TOOLS = ROOT / ".client-tools" / "bin"
_areas = itertools.count(400_000)
Drive: TypeAlias = Callable[..., Driver]


class Secured(NamedTuple):
    """A service with keys, and one key of each kind that clients need."""

    stack: Stack
    ingest: Key
    read: Key


@pytest.fixture(scope="package")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """One server is enough here: what Redis says is the same on both."""
    with Stack(tmp_path_factory.mktemp("clients") / "data", redis_server=str(BINARIES["valkey"])) as stack:
        made = Secured(stack, make_key(stack, "games", "ingest"), make_key(stack, "pages", "read"))
        asked = f"{stack.url}/stats?area_code=1"
        eventually(lambda: httpx2.get(asked).status_code == 401)
        eventually(lambda: httpx2.get(asked, headers=made.read.header).status_code == 200)
        yield made


@pytest.fixture
def http(secured: Secured) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=secured.stack.url, headers=secured.stack.admin, timeout=10) as client:
        yield client


@pytest.fixture
def front(secured: Secured) -> Iterator[Front]:
    with fronting(secured.stack.url) as front:
        yield front


@pytest.fixture
def area() -> int:
    """Nobody else's."""
    return next(_areas)


@pytest.fixture(scope="session")
def tools() -> Path:
    """The programs that scripts/client-tools installs."""
    if not (TOOLS.parent / "installed").exists():
        pytest.skip("scripts/client-tools has not been run; scripts/test runs it")
    return TOOLS


@pytest.fixture(scope="session")
def compiled(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clients/typescript as JavaScript."""
    directory = tmp_path_factory.mktemp("typescript")
    run(tools, "tsc", "--outDir", str(directory))
    (directory / "package.json").write_text('{"type": "module"}')
    return directory


def run(tools: Path, name: str, *arguments: str) -> str:
    """Runs a package of clients/typescript in Node; it must succeed and not complain."""
    command = [str(tools / "node"), str(TYPESCRIPT / "node_modules" / ".bin" / name), *arguments]
    done = subprocess.run(command, cwd=TYPESCRIPT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="session")
def mono(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clients/unity with a stand-in for Unity, as a program."""
    if not (shutil.which("mcs") and shutil.which("mono")):
        pytest.skip("mono-mcs is not installed (on Debian: apt-get install mono-mcs); .ci/run installs it")
    program = tmp_path_factory.mktemp("unity") / "driver.exe"
    sources = [ROOT / "clients" / "unity" / "ModepulseClient.cs", *sorted((DRIVERS / "unity").glob("*.cs"))]
    assemblies = ["-r:System.Runtime.Serialization.dll", "-r:System.Xml.Linq.dll"]
    done = subprocess.run(
        ["mcs", "-langversion:7", "-warnaserror+", *assemblies, f"-out:{program}", *map(str, sources)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return program


# Mono takes as long as all others together.
@pytest.fixture(params=["python", "async", "node", pytest.param("unity", marks=pytest.mark.faults)])
def drive(request: pytest.FixtureRequest) -> Iterator[Drive]:
    """Starts a program with a client."""
    commands = {
        "python": lambda: [sys.executable, str(DRIVERS / "python_client.py")],
        "async": lambda: [sys.executable, str(DRIVERS / "async_client.py")],
        "node": lambda: [
            str(request.getfixturevalue("tools") / "node"),
            str(DRIVERS / "node_client.mjs"),
            str(request.getfixturevalue("compiled") / "index.js"),
        ],
        "unity": lambda: ["mono", str(request.getfixturevalue("mono"))],
    }
    command = commands[request.param]()
    with ExitStack() as started, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "clients" / "python"), str(ROOT)]))

        def start(url: str, key: str = "", **options: Any) -> Driver:
            return started.enter_context(Driver(command, url, key, **options))

        yield start
