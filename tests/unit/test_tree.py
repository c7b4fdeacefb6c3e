"""The rules of the tree: which way imports go, where names and settings live, that the README knows them all."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from hashlib import sha256
from pathlib import Path

import pytest

from app.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for package in ("app", "lua", "archiver", "modepulse") for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    package, names = path.relative_to(ROOT).parts[0], set(imports(path))
    ours = {name for name in names if name.split(".")[0] in ("app", "lua", "archiver", "modepulse")}
    if package == "lua":
        assert ours <= {"lua"}
    if package == "app":
        assert not {name for name in ours if name.split(".")[0] in ("archiver", "modepulse")}
    if package == "archiver":
        allowed = ("app.contract", "app.settings", "app", "lua", "archiver")
        assert all(name == "app" or name.startswith(tuple(a for a in allowed if a != "app")) for name in ours), ours


def test_environment_is_read_in_few_places() -> None:
    readers = {str(p.relative_to(ROOT)) for p in MODULES if "os.environ" in p.read_text()}
    assert readers == {"app/settings.py", "modepulse/launcher/servers.py", "modepulse/launcher/supervisor.py"}


def test_key_names_are_written_in_one_module() -> None:
    texts = re.compile(r"""["'](?:\{\d\}|\{p\}):""")
    writers = {str(p.relative_to(ROOT)) for p in MODULES if texts.search(p.read_text())}
    assert writers == {"app/contract/keys.py"}


def test_readme_lists_every_setting_and_no_other() -> None:
    listed = set(re.findall(rf"^\| `({PREFIX}\w+)`", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert listed == {PREFIX + field.name.upper() for field in fields(Settings)}


def test_readme_shows_every_subcommand() -> None:
    from modepulse.cli import app

    readme = (ROOT / "README.md").read_text()
    for command in app.registered_commands:
        assert command.callback is not None
        assert f"modepulse {command.callback.__name__}" in readme


def test_migrations_are_numbered_without_gaps() -> None:
    names = sorted(path.name for path in (ROOT / "archiver" / "migrations").glob("*.sql"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


def test_vendored_files_are_those_of_their_packages() -> None:
    vendor = ROOT / "app" / "static" / "vendor"
    sums = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", (vendor / "README.md").read_text(), re.MULTILINE))
    files = [path for path in vendor.rglob("*") if path.suffix in (".js", ".css")]
    assert {sha256(path.read_bytes()).hexdigest(): str(path.relative_to(vendor)) for path in files} == sums
    for package in vendor.iterdir():
        assert package.name == "README.md" or (package / "LICENSE").exists()


def test_pages_name_no_other_host() -> None:
    """What they do is also watched in a browser (tests/browser)."""
    for path in (ROOT / "app" / "static").glob("*"):
        if path.is_file():
            assert set(re.findall(r"https?://[^\s\"'`]+", path.read_text())) <= {"http://www.w3.org/2000/svg"}


def test_lua_readme_lists_every_script() -> None:
    readme = (ROOT / "lua" / "README.md").read_text()
    scripts = {path.name for path in (ROOT / "lua").glob("*.lua")}
    assert scripts == set(re.findall(r"\[`(\w+\.lua)`\]", readme))
