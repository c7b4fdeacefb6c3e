"""Others make their clients from /openapi.json: two generators do so without a word of complaint."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.openapi import document
from tests.clients.conftest import run

DOCUMENT: dict[str, Any] = json.loads(document())
SCHEMAS = DOCUMENT["components"]["schemas"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("openapi") / "openapi.json"
    path.write_bytes(document())
    return path


def parts(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every object of the document, with where it is."""
    if isinstance(value, dict):
        yield path, value
        for name, part in value.items():
            yield from parts(part, f"{path}/{name}")
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from parts(part, f"{path}/{position}")


def test_no_object_or_enumeration_is_without_a_name() -> None:
    """In lists, maps and alternatives: a generator would invent one."""
    nameless = [
        path
        for path, part in parts(DOCUMENT)
        if re.search(r"/(items|additionalProperties|anyOf/\d+)$", path)
        if "properties" in part or "enum" in part
    ]
    assert not nameless


def test_every_enumeration_says_its_type() -> None:
    assert not [path for path, part in parts(DOCUMENT) if isinstance(part.get("enum"), list) and "type" not in part]


def test_kinds_of_events_are_enumerations() -> None:
    assert SCHEMAS["EventsName"]["enum"] == ["LOGIN", "LOGOUT", "HEARTBEAT"]
    assert SCHEMAS["Event"]["properties"]["events_name"] == {"$ref": "#/components/schemas/EventsName"}


@pytest.mark.faults
def test_openapi_python_client(tools: Path, written: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(tools / "openapi-python-client"), "generate", "--path", str(written), "--fail-on-warning"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"Generating \S+\s*", done.stdout + done.stderr)
    (package,) = tmp_path.glob("*/modepulse_client")
    subprocess.run([sys.executable, "-W", "error", "-m", "compileall", "-q", str(package)], check=True, timeout=60)
    models = {path.stem.replace("_", "") for path in (package / "models").glob("*.py")}
    assert {name.lower() for name in SCHEMAS} <= models
    assert not [name for name in models if re.search(r"item$|type\d+$", name)]


@pytest.mark.faults
def test_openapi_typescript(tools: Path, written: Path, tmp_path: Path) -> None:
    types = tmp_path / "api.d.ts"
    said = run(tools, "openapi-typescript", str(written), "--output", str(types))
    assert "openapi-typescript" in said
    assert "⚠" not in said
    assert "unknown}" not in types.read_text()
    run(tools, "tsc", "--noEmit", "--strict", "--target", "es2022", str(types))
