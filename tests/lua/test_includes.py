"""What scripts share is written once and expanded when they are loaded."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import lua
from tests.script_harness import ScriptHarness, without_shebang

FOLDER = Path(lua.__file__).parent
LUA_NAMES = {"string", "math", "table", "pairs", "tonumber", "unpack", "true", "false", "nil"}
LUA_NAMES |= {"and", "do", "else", "elseif", "end", "for", "if", "in", "local", "not", "or", "then"}
INCLUDES = sorted(path.stem for path in (FOLDER / "includes").glob("*.lua"))


@pytest.mark.parametrize("script", lua.SCRIPTS.values(), ids=lambda script: script.name)
def test_no_include_line_is_left_and_the_text_loads(script: lua.Script, fake_engine: ScriptHarness) -> None:
    assert "@include" not in script.source
    text = without_shebang(script)
    assert fake_engine.do(fake_engine.redis.script_load(text.source)) == text.sha


@pytest.mark.parametrize("name", INCLUDES)
def test_include_is_used_by_several_scripts_once_a_call(name: str) -> None:
    """Among their writes, or after the loop of their decisions where it only decides."""
    line = f"\n--- @include {name}\n"
    only_decides = (FOLDER / "includes" / f"{name}.lua").read_text().startswith("-- Decides")
    users = [text for text in (path.read_text() for path in FOLDER.glob("*.lua")) if line in text]
    assert len(users) >= 2
    for text in users:
        assert text.count(line) == 1
        assert text.index("\n-- 1. Decide everything; only reads.") < text.index(line)
        assert (text.index(line) < text.index("\n-- 2. Write.")) == only_decides


@pytest.mark.parametrize("name", INCLUDES)
def test_include_is_statements_over_locals_that_its_header_names(name: str) -> None:
    text = (FOLDER / "includes" / f"{name}.lua").read_text()
    header = re.findall(r"^--.*", text, re.MULTILINE)
    assert "Reads" in "".join(header)
    assert "Writes" in "".join(header)
    code = re.sub(r"--.*|'[^']*'", "", text)
    assert not re.search(r"\b(function|return)\b", code)
    own = {name for names in re.findall(r"\b(?:local|for) ([\w, ]+?) (?:=|in)", code) for name in names.split(", ")}
    read = set(re.findall(r"(?<![\w.])[a-z]\w*", code)) - own - LUA_NAMES
    assert read <= set(re.findall(r"\w+", "".join(header)))


@pytest.fixture
def includes(tmp_path: Path) -> Path:
    (tmp_path / "plain.lua").write_text("local a = 1\n")
    (tmp_path / "nested.lua").write_text("--- @include plain\n")
    (tmp_path / "cyclic.lua").write_text("--- @include cyclic\n")
    return tmp_path


def test_include_is_replaced_by_its_text(includes: Path) -> None:
    assert lua.expand("x()\n--- @include plain\ny()\n", includes) == "x()\nlocal a = 1\ny()\n"


@pytest.mark.parametrize("line", ["--- @include nested\n", "--- @include cyclic\n", "  --- @include plain\n"])
def test_include_in_an_include_or_within_a_block_is_an_error(includes: Path, line: str) -> None:
    with pytest.raises(ValueError, match="include"):
        lua.expand(line, includes)


def test_unknown_include_is_an_error_that_names_it(includes: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        lua.expand("--- @include nothing\n", includes)


def test_module_lists_the_scripts_and_prints_one_as_it_runs() -> None:
    def run(*names: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, "-m", "lua", *names], capture_output=True, text=True)

    assert run().stdout.split() == list(lua.SCRIPTS)
    assert run("record_events").stdout == lua.record_events.source
    assert run("nothing").returncode == 1
