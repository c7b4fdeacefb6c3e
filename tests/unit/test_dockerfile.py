"""The Dockerfile, without Docker: what it is built from, what it becomes."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

from tests.documents import ROOT

TEXT = (ROOT / "Dockerfile").read_text()
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()


def instructions(name: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", TEXT, flags=re.MULTILINE))
    return [line.removeprefix(name).strip() for line in joined.splitlines() if line.startswith(name + " ")]


def is_sent(path: str) -> bool:
    """Whether a file is part of what is built from: the last pattern that fits it, or a folder of it, decides."""
    sent = True
    parts = path.split("/")
    for pattern in IGNORED:
        wanted = pattern.removeprefix("!").removeprefix("**/")
        folders = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        if any(fnmatch(folder, wanted) for folder in folders) or (pattern.startswith("**/") and wanted in parts):
            sent = pattern.startswith("!")
    return sent


def context(folder: Path) -> Path:
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True)
    for name in filter(is_sent, listed.splitlines()):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def test_the_context_is_all_that_is_needed_and_little_else(tmp_path: Path) -> None:
    source = context(tmp_path / "src")
    assert {path.name for path in source.iterdir()} <= {
        *("app", "archiver", "lua", "modepulse", "deploy", "redis.conf", "pyproject.toml", "requirements.lock"),
        *("README.md", "LICENSE"),
    }
    assert not is_sent("deploy/secrets/admin_token")
    assert not is_sent(".modepulse/run.json")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        str(source),
    ]
    subprocess.run(command, check=True, env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"modepulse/redis.conf", "modepulse/deploy/redis/users.acl", "app/static/index.html"} <= names
    assert {name for name in names if name.startswith("archiver/migrations/")} == {
        f"archiver/migrations/{path.name}" for path in (ROOT / "archiver" / "migrations").glob("*.sql")
    }


def test_base_is_one_exact_image() -> None:
    bases = [line.partition(" AS ")[0] for line in instructions("FROM")]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-trixie", bases[0])
    assert f'base.name="docker.io/library/{bases[0]}"' in TEXT


def test_labels_say_what_it_is() -> None:
    (labels,) = instructions("LABEL")
    given = dict(re.findall(r'org\.opencontainers\.image\.(\S+)="([^"]*)"', labels))
    assert {"title", "description", "licenses", "version", "revision", "base.name"} <= given.keys()
    project = (ROOT / "pyproject.toml").read_text()
    assert f'license = "{given["licenses"]}"' in project
    assert given["description"] in project
    assert (given["version"], given["revision"]) == ("$VERSION", "$REVISION")


def test_it_runs_as_a_number_that_is_not_root() -> None:
    (user,) = instructions("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    after = TEXT.index("USER ")
    assert not re.search(r"^(RUN|COPY|ADD) ", TEXT[after:], re.MULTILINE)
