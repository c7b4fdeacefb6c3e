"""Every command in README.md and docs, as it stands there, and what it prints."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.code_blocks import CodeBlock, Step, code_blocks
from tests.conftest import BINARIES
from tests.documents import ROOT, files, text
from tests.postgres import query
from tests.servers import Stack
from tests.terminal import Terminal

DOCUMENTS = ["README.md", *(name for name in files(".md") if re.fullmatch(r"docs/[^/]+\.md", name))]
BLOCKS = {name: code_blocks(text(name)) for name in DOCUMENTS}
# Why commands are not run -> how many blocks there may be.
NOT_RUN = {
    "it measures for minutes": 2,
    "it installs packages and needs a name of your own": 1,
    "it needs a container engine": 2,
    "it never ends": 1,
}
# What a block without commands is.
NOT_COMMANDS = {"a picture", "plans of ten million events", "SQL"}
# By tests of their own.
ELSEWHERE = {"README.md": "tests/browser/test_newcomer.py", "docs/operate.md": "tests/integration/test_operate.py"}
# On one service, so the order matters: the first shows all areas, and from the last on keys are needed.
FIRST, LAST = "docs/api.md", "docs/settings.md"


def in_order() -> list[str]:
    between = [name for name in DOCUMENTS if name not in ELSEWHERE and name not in (FIRST, LAST)]
    return [name for name in (FIRST, *between, LAST) if steps_of(name)]


def steps_of(name: str) -> list[Step]:
    """The commands of a document that are run."""
    return [step for block in BLOCKS[name] if "not run" not in block.marks for step in block.steps()]


# --- What stands there ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_block_is_run_or_says_why_not(name: str) -> None:
    for block in BLOCKS[name]:
        where = f"{name}:{block.line}"
        if "not commands" in block.marks:
            assert block.marks["not commands"] in NOT_COMMANDS, where
            assert not block.is_commands, where
        elif block.info:
            assert runner_of(block.info), f"{where}: no test names {block.info!r}"
        else:
            assert block.is_commands, f"{where}: no commands, and no mark that says what it is"


def runner_of(info: str) -> list[str]:
    """The tests that run the block with this name behind its fence, as `sh redis-tls`."""
    return [name for name in files(".py") if name.startswith("tests/") and f'"{info.split()[-1]}"' in text(name)]


def test_few_blocks_are_not_run() -> None:
    reasons = Counter(
        block.marks["not run"] for name in DOCUMENTS for block in BLOCKS[name] if "not run" in block.marks
    )
    assert reasons == NOT_RUN


@pytest.mark.parametrize("name", ELSEWHERE)
def test_documents_left_to_others_are_run_there(name: str) -> None:
    assert f'"{name}"' in text(ELSEWHERE[name])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_that_are_not_run_are_at_least_shell(name: str) -> None:
    for block in BLOCKS[name]:
        for step in block.steps() if "not run" in block.marks else ():
            command = re.sub(r"<[^<>]+>", "placeholder", step.command)
            done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            for path in re.findall(r"(?:^|\s)((?:scripts|deploy|docs|examples)/[\w./-]+)", command):
                assert (ROOT / path).exists(), f"{name}:{step.line}: {path}"


# --- What it prints ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """As a reader has it: nothing was posted before."""
    with Stack(tmp_path_factory.mktemp("documents") / "data", redis_server=str(BINARIES["valkey"])) as stack:
        yield stack


@pytest.fixture(scope="module")
def folder(service: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the clone, but for what commands write into it."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("scripts", "deploy", "examples", "redis.conf"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".modepulse").symlink_to(service.directory)
    return folder


def terminal(service: Stack, folder: Path) -> Terminal:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MODEPULSE_", "PG"))}
    environment = clean | {"PATH": f"{Path(sys.executable).parent}:{clean['PATH']}"}
    redis_port = service.run["redis_url"].rpartition(":")[2].partition("/")[0]
    return Terminal(folder, environment, {"localhost:8000": f"localhost:{service.port}", "PORT": redis_port})


@pytest.mark.skipif(shutil.which("redis-cli") is None, reason="needs redis-cli; .ci/run installs it")
@pytest.mark.parametrize("name", in_order())
def test_commands_print_what_the_document_says(name: str, service: Stack, folder: Path) -> None:
    with terminal(service, folder) as shell:
        for step in steps_of(name):
            shell.run(step)


SQL = [(name, block) for name in DOCUMENTS for block in BLOCKS[name] if block.marks.get("not commands") == "SQL"]


@pytest.mark.parametrize(("name", "block"), SQL, ids=[f"{name}:{block.line}" for name, block in SQL])
def test_sql_is_understood(name: str, block: CodeBlock, service: Stack) -> None:
    for statement in "\n".join(block.lines).split(";"):
        if statement.strip():
            query(service, statement)
