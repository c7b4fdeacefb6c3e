"""Each script's header is the description of its interface: compared with what the body reads and returns."""

import re
from pathlib import Path

import pytest

import lua
from app.contract.outcome import Outcome

every_script = pytest.mark.parametrize("script", lua.SCRIPTS.values(), ids=lambda script: script.name)


def header_and_body(script: lua.Script) -> tuple[dict[str, str], str]:
    """The header's sections by their label; the rest of the source."""
    lines = script.source.splitlines()[1:]
    length = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    sections: dict[str, str] = {}
    label = "purpose"
    for line in lines[:length]:
        if named := re.match(r"-- (KEYS|ARGV|Returns|Errors|Logs)  +(.*)", line):
            label, line = named[1], "-- " + named[2]
        sections[label] = sections.get(label, "") + line.removeprefix("--").strip() + "\n"
    return sections, "\n".join(lines[length:])


def locals_of(body: str, source: str) -> dict[int, str]:
    """n -> the local that `source`[n] is assigned to; every use of it has to be such a local."""
    found: dict[int, str] = {}
    for names, values in re.findall(r"^local ([\w, ]+) = (.+)$", body, re.MULTILINE):
        for name, value in zip(names.split(", "), values.split(", "), strict=False):
            if number := re.fullmatch(rf"(?:tonumber\()?{source}\[(\d+)\]\)?", value):
                found[int(number[1])] = name
    assert len(found) == len(re.findall(rf"{source}\[\d+\]", body)), f"{source} is read other than into a local, once"
    return found


@every_script
def test_keys_are_the_header_s(script: lua.Script) -> None:
    header, body = header_and_body(script)
    described = {int(number): f"{name}_key" for number, name in re.findall(r"(?<![\w.])(\d+) (\w+)", header["KEYS"])}
    assert described == locals_of(body, "KEYS")
    # Keys of the API are about no partition.
    assert described[1] == ("keys_key" if script is lua.keep_api_key else "epoch_key")


@every_script
def test_arguments_are_the_header_s(script: lua.Script) -> None:
    header, body = header_and_body(script)
    described = {int(number): name for number, name in re.findall(r"^(\d+) (\w+)", header["ARGV"], re.MULTILINE)}
    assert described == locals_of(body, "ARGV")
    assert described or header["ARGV"] == "none\n"


@every_script
def test_repeated_arguments_are_the_header_s(script: lua.Script) -> None:
    header, body = header_and_body(script)
    described = re.search(r"^(\d+)\.\. (\w+) per event: (.*)", header["ARGV"], re.MULTILINE | re.DOTALL)
    loop = re.search(r"for i = FIRST_EVENT, #\w+, (\d) do\n  local ([\w, ]+) = \w+\[i\], ", body)
    assert bool(described) == bool(loop)
    if described and loop:
        names = re.findall(r"(?:^|[,\n] *)(\w+)", re.sub(r"\(.*?\)", "", described[3], flags=re.DOTALL))
        assert names == loop[2].split(", ")
        assert {"four": 4, "five": 5}[described[2]] == len(names) == int(loop[1])
        assert f"local FIRST_EVENT = {described[1]}\n" in body
        assert int(described[1]) == max(locals_of(body, "ARGV")) + 1


@every_script
def test_errors_are_the_header_s(script: lua.Script) -> None:
    header, body = header_and_body(script)
    described = set(re.findall(r"^([A-Z]+)  ", header["Errors"], re.MULTILINE))
    assert described == set(re.findall(r"error_reply\('(\w+) ", body))
    assert described or header["Errors"] == "none\n"


@every_script
def test_script_that_logs_says_how(script: lua.Script) -> None:
    header, body = header_and_body(script)
    entry = re.search(r"'XADD', events_key, '\*', (.+?)table.concat", body, re.DOTALL)
    assert bool(entry) == ("Logs" in header)
    if entry:
        fields = [f"{name} <" for name in re.findall(r"'(\w+)',", entry[1])]
        assert fields == re.findall(r"\w+ <", header["Logs"].split(" in the format ")[0])


@every_script
def test_derived_keys_are_the_header_s(script: lua.Script) -> None:
    header, body = header_and_body(script)
    assert set(re.findall(r"`<tag>(\w+):`", header["KEYS"])) == set(re.findall(r"tag \.\. '(\w+):'", body))


def test_outcome_letters_are_the_header_s_and_the_contract_s() -> None:
    header, body = header_and_body(lua.record_events)
    described = dict(re.findall(r"\b(\w) (\w+)[,;]", header["Returns"]))
    assert described == {outcome.letter: outcome.value for outcome in Outcome}
    assert set(described) == set(re.findall(r"(?:outcome(?:, effect)?|letter) = '(\w)'", body))


def test_readme_lists_every_script_and_include() -> None:
    folder = Path(lua.__file__).parent
    listed = set(re.findall(r"\[`[\w/]+\.lua`\]\(([\w/]+\.lua)\)", (folder / "README.md").read_text()))
    assert listed == {str(path.relative_to(folder)) for path in folder.rglob("*.lua")}
