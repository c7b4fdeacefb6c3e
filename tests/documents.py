"""The repository's files and its Markdown documents, as the tests of the documents read them."""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
VISIBLE_DOT_DIRECTORIES = (".ci", ".github")


@cache
def repository() -> dict[str, Path]:
    """Files and directories by their path from the root, without what is generated or installed."""
    found = {}
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if any(part.startswith(".") and part not in VISIBLE_DOT_DIRECTORIES for part in parts[:-1]):
            continue
        if "__pycache__" in parts or "node_modules" in parts or (parts[-1].startswith(".") and path.is_dir()):
            continue
        found["/".join(parts)] = path
    return found


def files(*suffixes: str) -> list[str]:
    return [
        name
        for name, path in sorted(repository().items())
        if path.is_file() and path.suffix in suffixes and "/vendor/" not in name
    ]


def text(name: str) -> str:
    return (ROOT / name).read_text()


def prose(markdown: str) -> list[str]:
    """The lines of a document; empty where a line stands in a code block."""
    lines, fenced, indented = [], False, False
    before = ""
    for line in markdown.splitlines():
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        indented = line.startswith("    ") and (indented or not before) and not re.match(r" +(?:[-*]|\d+\.) ", line)
        lines.append("" if fenced or fence or indented else line)
        before = line.strip()
    return lines


def headings(name: str) -> set[str]:
    """The anchors of a document, as GitHub makes them."""
    anchors: dict[str, int] = {}
    for line in prose(text(name)):
        if found := re.match(r"#+ +(.*)", line):
            slug = re.sub(r"[^\w\- ]", "", found[1].strip().lower()).replace(" ", "-")
            seen = anchors.get(slug, 0)
            anchors[slug] = seen + 1
            if seen:
                anchors[f"{slug}-{seen}"] = 1
    return set(anchors)


def table(markdown: str, *header: str) -> list[list[str]]:
    """The rows of the first table with this header."""
    lines = markdown.splitlines()
    start = lines.index("| " + " | ".join(header) + " |") + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line[1:-1])])
    return rows


def code_names(rows: list[list[str]]) -> list[str]:
    """What stands in backticks in the first column."""
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row[0])]
