"""Every import of this repository's Python files, read from their source, by the full name of the module it reaches."""

import ast
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PRODUCT = ("app", "lua", "archiver", "modepulse")
OURS = (*PRODUCT, "bench", "tests")
# Target of an import whose module is known only when it runs.
COMPUTED = "a module computed at run time"


def _module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {_module_of(path): path for name in OURS for path in sorted((ROOT / name).rglob("*.py"))}
TREES = {module: ast.parse(path.read_text(), str(path)) for module, path in FILES.items()}
PACKAGES = {".".join(path.parent.relative_to(ROOT).parts) for path in FILES.values()}
# Packages without a definition of their own: a name taken from them is a module.
EMPTY_PACKAGES = {name for name in PACKAGES if name not in TREES or not TREES[name].body[1:]}


def within(module: str, *packages: str) -> bool:
    """Whether the module is one of these, or in one of them."""
    return any(module == package or module.startswith(package + ".") for package in packages)


class Import(NamedTuple):
    """One import; `where` is its file and line."""

    importer: str
    target: str
    where: str

    def __str__(self) -> str:
        return f"{self.where}: {self.importer} imports {self.target}"

    def by(self, *packages: str) -> bool:
        """Whether the importer is in one of the packages."""
        return within(self.importer, *packages)

    def of(self, *packages: str) -> bool:
        """Whether the imported module is in one of the packages."""
        return within(self.target, *packages)


def where(module: str, node: ast.AST) -> str:
    """`file:line` of a node."""
    return f"{FILES[module].relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def _imports(module: str, tree: ast.AST) -> Iterator[Import]:
    for node in ast.walk(tree):
        for target in _targets(module, node):
            yield Import(module, target, where(module, node))


def _targets(module: str, node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names):
            for alias in names:
                yield alias.name
                if not alias.asname:
                    yield alias.name.partition(".")[0]  # `import a.b` binds `a`
        case ast.ImportFrom(name, names, level):
            source = _absolute(module, name or "", level)
            for alias in names:
                if source == "importlib" and alias.asname:
                    yield COMPUTED  # import_module under another name
                submodule = f"{source}.{alias.name}"
                yield submodule if submodule in FILES or submodule in PACKAGES else source
        case ast.Call(ast.Name(name) | ast.Attribute(attr=name), arguments) if name in ("import_module", "__import__"):
            literal = arguments[0].value if arguments and isinstance(arguments[0], ast.Constant) else "."
            yield COMPUTED if str(literal).startswith(".") else str(literal)
        case ast.Constant(str(text)) if "." in text and (named := text.partition(":")[0]) in FILES.keys() - PACKAGES:
            yield named  # "app.server:main" is for something that imports by name


def _absolute(module: str, name: str, level: int) -> str:
    """The module that `from ..name import` means in this module."""
    if not level:
        return name
    package = module.split(".") if FILES[module].name == "__init__.py" else module.split(".")[:-1]
    return ".".join([*package[: len(package) - level + 1], *filter(None, [name])])


def refuse(rule: str, found: Iterable[object]) -> None:
    """Fails with the rule and a line for each place that breaks it."""
    lines = sorted({str(each) for each in found})
    assert not lines, "\n".join([rule, *lines])


IMPORTS = [found for module, tree in TREES.items() for found in _imports(module, tree)]


def _package_of(module: str) -> str:
    """The module's folder. A folder with folders in it is a place, not a unit: there each module stands for itself."""
    folder = module if module in PACKAGES else module.rpartition(".")[0]
    nested = any(within(package, folder) for package in PACKAGES - {folder})
    return module if nested else folder


def find_cycle(of_packages: bool) -> list[str]:
    """A cycle of modules, or of packages, as a path that ends where it starts; empty when there is none."""
    graph: dict[str, set[str]] = {}
    for found in IMPORTS:
        if found.target in FILES:
            ends = (found.importer, found.target)
            importer, target = map(_package_of, ends) if of_packages else ends
            if importer != target:
                graph.setdefault(importer, set()).add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []
