"""The documents are complete and true: what they name exists, and nothing is left out."""

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from starlette.routing import Route

from app.contract import keys
from app.routes import routes
from app.settings import PREFIX, Settings
from tests.documents import ROOT, code_names, files, headings, prose, repository, table, text

WIDTH = 120
SOURCE_COMMENTS = {
    ".lua": r"--(.*)",
    ".sql": r"--(.*)",
    ".js": r"(?://|\*)(.*)",
    ".sh": r"#(.*)",
    ".toml": r"#(.*)",
    ".yml": r"#(.*)",
    ".yaml": r"#(.*)",
    ".conf": r"#(.*)",
    ".ini": r"#(.*)",
}
NAMED_FILE = re.compile(r"(?<![\w/.>*-])((?:[\w.-]+/)*[\w.-]+\.(?:py|lua|sql|md|sh|js|conf|toml|yml))(?![\w-])")
NAMED_IN_DOCS = re.compile(r"(?<![\w/.-])docs/[\w./-]*\w")


# --- What is named exists ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", files(".md"))
def test_links_lead_somewhere(name: str) -> None:
    lines = "\n".join(prose(text(name)))
    links = re.findall(r"\]\(([^)\s]+)\)", lines) + re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", lines)
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), f"{link}: no such file"
        assert target.resolve().is_relative_to(ROOT), f"{link}: outside of the repository"
        if anchor:
            assert anchor in headings(str(target.resolve().relative_to(ROOT))), f"{link}: no such heading"


def is_known(mention: str) -> bool:
    """A path from the root, or the end of one; a decision may be named by its number."""
    return any(
        path == mention or path.endswith("/" + mention) or re.match(re.escape(mention) + r"-", path)
        for path in repository()
    )


def mentions(words: str) -> set[str]:
    """The paths that a text names."""
    words = re.sub(r"\w+://\S+", "", words)
    return set(NAMED_FILE.findall(words)) | set(NAMED_IN_DOCS.findall(words))


@pytest.mark.parametrize("name", files(".md"))
def test_paths_in_backticks_exist(name: str) -> None:
    top = {path for path in repository() if "/" not in path and (ROOT / path).is_dir()}
    for code in re.findall(r"`([^`]+)`", "\n".join(prose(text(name)))):
        words = code.split()
        named = mentions(code) if len(words) == 1 else set()
        named |= {word for word in words if re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?", word) and word.split("/")[0] in top}
        for mention in named:
            assert is_known(mention.rstrip("/")), f"`{code}`: {mention} is not in the repository"


def comments(name: str) -> Iterator[str]:
    """The comments and docstrings of a source file."""
    source = text(name)
    if not name.endswith(".py"):
        pattern = SOURCE_COMMENTS.get(Path(name).suffix, SOURCE_COMMENTS[".sh"])
        yield from re.findall(pattern, source)
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def scripts_without_suffix() -> list[str]:
    return [
        name
        for name, path in repository().items()
        if path.is_file() and name.startswith(("scripts/", ".ci/")) and not path.suffix
    ]


@pytest.mark.parametrize("name", files(".py", *SOURCE_COMMENTS) + scripts_without_suffix())
def test_paths_in_comments_exist(name: str) -> None:
    for mention in mentions("\n".join(comments(name))):
        assert is_known(mention), f"{mention} is not in the repository"


# --- The documents are complete ------------------------------------------------------------------------------------


def test_settings_page_has_every_setting_with_its_default_and_range() -> None:
    rows = {
        row[0].strip("`"): row[1:] for row in table(text("docs/settings.md"), "variable", "default", "range", "meaning")
    }
    assert list(rows) == [PREFIX + field.name.upper() for field in fields(Settings)]
    for field in fields(Settings):
        default, bounds, meaning = rows[PREFIX + field.name.upper()]
        low, high = field.metadata["low"], field.metadata["high"]
        expected = "" if low is None else f">= {low}" if high is None else f"{low} to {high}"
        assert bounds == expected, field.name
        assert meaning, field.name
        if field.default != "":
            shown = f"{field.default:g}" if isinstance(field.default, float) else str(field.default).lower()
            assert default == shown


def test_every_subcommand_has_its_line() -> None:
    from modepulse.cli import app

    listed = {name.split()[1] for name in code_names(table(text("docs/settings.md"), "command", "what it does"))}
    commands = {
        command.callback.__name__.replace("_", "-")
        for command in app.registered_commands
        if command.callback is not None
    }
    assert listed == commands | {group.name for group in app.registered_groups}


def test_every_path_of_the_api_has_its_line() -> None:
    listed = set()
    for call in code_names(table(text("docs/api.md"), "call", "answer")):
        method, _, path = call.partition(" ")
        listed.add((method, path))
    served = set()
    for route in routes(Settings()):
        assert isinstance(route, Route)
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)
        if path == "/" or not path.endswith("/"):
            served |= {(method, path) for method in (route.methods or set()) - {"HEAD"}}
    assert listed == served


def test_every_key_has_its_line() -> None:
    listed = {
        name.split(":")[1] for name in code_names(table(text("docs/architecture.md"), "key", "type", "value", "unit"))
    }
    partition = keys.Keys(0)
    names = [value for value in vars(keys).values() if isinstance(value, str) and value.startswith("{0}:")]
    for name, member in inspect.getmembers(keys.Keys):
        if name.startswith("_") or name in ("partition", "tag"):
            continue
        names.append(member(partition, "x") if inspect.isfunction(member) else getattr(partition, name))
    assert listed == {name.split(":")[1] for name in names}


DECISION_HEADINGS = ["Context", "Choice", "Measured", "Consequences"]


@pytest.mark.parametrize("name", [name for name in files(".md") if re.match(r"docs/decisions/\d", name)])
def test_decisions_have_one_shape(name: str) -> None:
    lines = prose(text(name))
    number = int(Path(name).name[:4])
    assert re.fullmatch(rf"# {number}\. \S.*", lines[0])
    assert re.fullmatch(r"Status: (accepted|superseded by \[\d+\]\(.*\))\. Date: \d{4}-\d\d-\d\d\.", lines[2])
    assert [line[3:] for line in lines if line.startswith("## ")] == DECISION_HEADINGS


def test_index_of_decisions_lists_every_decision_by_its_title() -> None:
    expected = []
    for name in files(".md"):
        if re.match(r"docs/decisions/\d", name):
            number, title = text(name).splitlines()[0].removeprefix("# ").split(". ", 1)
            expected.append([number, f"[{title}]({Path(name).name})"])
    assert [row[:2] for row in table(text("docs/decisions/README.md"), "number", "decision", "date")] == expected


def test_index_lists_every_document() -> None:
    linked = set(re.findall(r"\]\(([\w./-]+\.md)\)", text("docs/README.md")))
    pages = {name.removeprefix("docs/") for name in files(".md") if re.fullmatch(r"docs/[^/]+\.md", name)}
    assert pages - {"README.md"} | {"decisions/README.md"} <= linked


@pytest.mark.parametrize("name", files(".md"))
def test_prose_fits_the_width(name: str) -> None:
    for line in prose(text(name)):
        words = line.strip()
        assert len(line) <= WIDTH or words.startswith(("|", "<")) or " " not in words, line


# --- The walks through the files -----------------------------------------------------------------------------------


def walk(title: str) -> list[tuple[str, list[str]]]:
    """The steps of a walk in docs/architecture.md: (file, the functions named in its step)."""
    section = text("docs/architecture.md").split(f"\n### {title}\n")[1].split("\n#")[0]
    steps = []
    for step in re.split(r"\n\d+\. ", section)[1:]:
        path, *names = re.findall(r"`([^`]+)`", step.split("\n\n")[0])
        steps.append((path, [name.removesuffix("()") for name in names if name.endswith("()")]))
    return steps


def defined(path: str) -> set[str]:
    """The functions of a file, methods as `Class.method` too."""
    names = set()
    for node in ast.walk(ast.parse(text(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            members = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
            names |= {node.name} | {f"{node.name}.{member.name}" for member in members}
    return names


@pytest.mark.parametrize(
    ("title", "again"),
    [("From the POST to the log", 0), ("From the log to the row", 1), ("One GET /stats", 0)],
)
def test_walk_names_what_exists_and_enters_no_file_too_often(title: str, again: int) -> None:
    steps = walk(title)
    assert len(steps) > 5
    paths = [path for path, _ in steps]
    assert len(paths) - len(set(paths)) <= again
    for path, names in steps:
        assert (ROOT / path).is_file(), path
        if path.endswith(".py"):
            assert names, f"{path}: no function is named"
            assert set(names) <= defined(path), (path, set(names) - defined(path))
