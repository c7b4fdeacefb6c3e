"""What stands only in its place (the environment, key names, SQL), what has a docstring, how long a file may be."""

import ast
import re
from collections.abc import Iterator
from hashlib import sha256

from app.contract.keys import Keys
from tests.unit.imports import FILES, OURS, PACKAGES, PRODUCT, ROOT, TREES, refuse, where, within

MODULES = {module: tree for module, tree in TREES.items() if within(module, *PRODUCT)}
KEY_NAMES = [name for name in vars(Keys) if not name.startswith("_") and name not in ("partition", "tag")]
# For the text of an f-string or a sum: in place of a value, of a key, and of the tag that all keys start with.
VALUE, A_KEY, A_TAG = "\0", "\1", "{0}:"
KEY = re.compile(
    rf"\{{[^{{}}]*\}}:|{A_KEY}:|(?:^|[{VALUE}}}]):(?:{'|'.join(KEY_NAMES)}|partitions|accepted|building|keys|secret)\b"
)
SQL = re.compile(
    r"""\s*(?:--.*\s+)*\(?(?:
    (?:SELECT|INSERT|UPDATE(?!\s\d)|CREATE|ALTER|DROP|WITH|TRUNCATE|LOCK|COPY|SET|SHOW|VACUUM|ANALYZE|REINDEX)\s
    |(?:BEGIN|COMMIT|ROLLBACK|VACUUM|ANALYZE)\s*;?\s*\Z
    |(?i:select\s.*\sfrom\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s
        |(?:create|alter|drop)\s+(?:table|index|schema|database|role|extension|unique)\s)
    )""",
    re.VERBOSE | re.DOTALL,
)
MAX_FILE_LINES, MAX_CLASS_LINES = 250, 200
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# asyncio calls these on a protocol; its documentation describes them.
PROTOCOL_CALLBACKS = (
    *("connection_made", "connection_lost", "data_received", "eof_received"),
    *("pause_writing", "resume_writing"),
)


def test_environment_is_read_in_settings_and_the_launcher_only() -> None:
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    found = (
        where(module, node)
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.alias) and node.name in names)
        if not within(module, "app.settings", "modepulse.launcher")
    )
    refuse("the environment is read elsewhere", found)


def texts(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Every string but docstrings, with f-strings and sums as one text each."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.Constant | ast.JoinedStr | ast.BinOp):
            yield child, text_of(child)
        yield from texts(child)


def text_of(node: ast.AST) -> str:
    """A string's text, with the marks above in place of what is known only when it runs."""
    match node:
        case ast.Constant(str(text)):
            return text
        case ast.JoinedStr(values):
            return "".join(map(text_of, values))
        case ast.FormattedValue(value):
            return text_of(value)
        case ast.BinOp(left, ast.Add(), right):
            return text_of(left) + text_of(right)
        case ast.Attribute(attr="tag"):
            return A_TAG
        case ast.Attribute(owner, name) if name in KEY_NAMES and "keys" in ast.unparse(owner):
            return A_KEY
    return VALUE


def test_key_names_are_written_in_one_module() -> None:
    found = (
        where(module, node)
        for module, tree in MODULES.items()
        if module != "app.contract.keys"
        for node, text in texts(tree)
        if KEY.search(text)
    )
    refuse("a key name outside app/contract/keys.py", found)


def test_sql_stands_in_sql_files() -> None:
    found = (where(module, node) for module, tree in MODULES.items() for node, text in texts(tree) if SQL.match(text))
    refuse("SQL in Python", found)


def test_files_and_classes_are_short() -> None:
    suffixes = {".py", ".lua", ".sql", ".js", ".css", ".html", ".sh"}
    paths = [path for name in (*OURS, "scripts") for path in (ROOT / name).rglob("*")]
    long_files = (
        f"{path.relative_to(ROOT)}: {lines} lines"
        for path in paths
        if path.suffix in suffixes or (path.parent.name == "scripts" and not path.suffix)
        if "vendor" not in path.parts and (lines := len(path.read_text().splitlines())) > MAX_FILE_LINES
    )
    long_classes = (
        f"{where(module, node)}: class {node.name} has {lines} lines"
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and (lines := (node.end_lineno or 0) - node.lineno + 1) > MAX_CLASS_LINES
    )
    refuse("longer than files and classes should be", [*long_files, *long_classes])


def public_definitions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Of a module or class, with the public ones in those."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            if child.name.startswith("_"):
                continue
            yield child
        if not isinstance(child, FUNCTIONS):
            yield from public_definitions(child)


def test_packages_say_what_they_are() -> None:
    """In the docstring of their `__init__.py`, which the next test wants."""
    refuse("a package without __init__.py", (name for name in PACKAGES - FILES.keys() if within(name, *PRODUCT)))


def test_public_definitions_have_docstrings() -> None:
    found = [where(module, tree) for module, tree in MODULES.items() if not ast.get_docstring(tree)]
    found += (
        f"{where(module, node)}: {node.name}"
        for module, tree in MODULES.items()
        for node in public_definitions(tree)
        if node.name not in PROTOCOL_CALLBACKS and not ast.get_docstring(node)
    )
    refuse("no docstring", found)


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
