"""docs/operate.md, command by command; `docker` is played by processes."""

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from tests.code_blocks import code_blocks
from tests.composed import composed
from tests.conftest import SAME_ON_EVERY_SERVER
from tests.docker import docker
from tests.documents import ROOT, text
from tests.nginx import NGINX
from tests.terminal import Terminal

DOCUMENT = "docs/operate.md"
# Within which a key is known to all processes.
KEY_SECONDS = 2


@SAME_ON_EVERY_SERVER
@pytest.mark.skipif(
    NGINX is None or not shutil.which("psql") or not shutil.which("redis-cli"),
    reason="needs nginx, psql and redis-cli; .ci/run installs them",
)
def test_commands_print_what_the_document_says(redis_name: str, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    folder.mkdir()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MODEPULSE_", "PG"))}
    with composed(redis_name, folder) as services, docker(services) as binaries:
        environment = clean | {"PATH": f"{binaries}:{Path(sys.executable).parent}:{clean['PATH']}"}
        (folder / "scripts").symlink_to(ROOT / "scripts")
        with Terminal(folder, environment, {"localhost:8000": f"localhost:{services.balancer_port}"}) as shell:
            for block in code_blocks(text(DOCUMENT)):
                for step in block.steps() if "not run" not in block.marks else ():
                    shell.run(step, 90)
                    if "keys create" in step.command:
                        time.sleep(KEY_SECONDS)  # as a reader does who copies it
