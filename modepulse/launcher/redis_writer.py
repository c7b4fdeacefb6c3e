"""Which Redis server may go on with the data of a directory: the one that wrote it, or another that can read it.

The files say in their header who wrote them and in which version of the format. Whether another server reads that is
not looked up in a table, which would not know the servers to come: the server is asked, with an empty file of the same
header.
"""

import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from modepulse.launcher.child_process import child_setup, spawn
from modepulse.launcher.errors import LaunchError
from modepulse.launcher.redis_server import RedisServer, found_servers, identify
from modepulse.launcher.writer import Writer

FILES = "appendonlydir"
MANIFEST = "appendonly.aof.manifest"
# `REDIS0010` or `VALKEY080`: whose format, and its version.
MAGIC_BYTES = 9
# The first field behind it: the server's name and version, each with its length before it.
_AUTHOR = re.compile(rb"\xfa(?:\x09(redis)|\x0a(valkey))-ver([\x01-\x3f])(.+)", re.DOTALL)
# The end of an RDB file, with a checksum of 0, which means that none was made.
_END = b"\xff" + bytes(8)
# How long a server may take to read nothing.
TRIAL_SECONDS = 10
_POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Header:
    """The start of the file that a server loads first."""

    magic: bytes
    writer: Writer


def read_header(directory: Path) -> Header | None:
    """Of the newest image in a directory; None where there is none, or it cannot be made out."""
    folder = directory / FILES
    try:
        manifest = (folder / MANIFEST).read_text()
        base = re.search(r"^file (\S+) seq \d+ type b$", manifest, re.MULTILINE)
        if base is None:
            return None
        with (folder / Path(base[1]).name).open("rb") as file:
            start = file.read(200)
    except (OSError, UnicodeDecodeError):
        return None
    magic, rest = start[:MAGIC_BYTES], start[MAGIC_BYTES:]
    if not re.fullmatch(rb"REDIS\d{4}|VALKEY\d{3}", magic):
        return None
    author = _AUTHOR.match(rest)
    if author is None:
        return Header(magic, Writer("Redis" if magic.startswith(b"REDIS") else "Valkey", ""))
    version = author[4][: author[3][0]].decode("ascii", "replace")
    return Header(magic, Writer("Redis" if author[1] else "Valkey", version))


def choose_server(directory: Path, noted: Writer | None, named: RedisServer | None) -> tuple[RedisServer, str]:
    """The server for a directory: `named` by the user, else the one that is noted in it, else one that there is.

    Returns it with what the user should know of the choice, which may be nothing. Raises LaunchError if it cannot read
    what is there.
    """
    header = read_header(directory)
    servers = [named] if named else _candidates(noted)
    able = next((server for server in servers if can_read(server, header)), None)
    if able is None:
        assert header is not None
        raise LaunchError(_refusal(directory, header.writer, servers, _candidates(noted) if named else [], header), 2)
    former = noted or (header.writer if header else None)
    if former is None or (former.name, former.version) == (able.name, able.version):
        others = [] if named else [server for server in found_servers()[:1] if server.binary != able.binary]
        return able, f"{able} goes on with the data here, which it wrote; not {others[0]}" if others else ""
    return able, f"{able} goes on with the data here, which {former} wrote"


def _candidates(noted: Writer | None) -> list[RedisServer]:
    """The former server first, so that the directory keeps it when another is installed. Raises LaunchError."""
    former = identify(Path(noted.binary)) if noted and noted.binary else None
    if former is None:
        return found_servers()
    try:
        return [former, *(server for server in found_servers() if server.binary != former.binary)]
    except LaunchError:
        return [former]


def can_read(server: RedisServer, header: Header | None) -> bool:
    """Whether a server loads files with this header: it is tried, in a folder of its own."""
    if header is None or (header.writer.name, header.writer.version) == (server.name, server.version):
        return True
    with TemporaryDirectory(prefix="modepulse-") as scratch:
        folder = Path(scratch, FILES)
        folder.mkdir()
        (folder / "appendonly.aof.1.base.rdb").write_bytes(header.magic + _END)
        (folder / MANIFEST).write_text("file appendonly.aof.1.base.rdb seq 1 type b\n")
        return _comes_up(server.binary, Path(scratch))


def _comes_up(binary: Path, directory: Path) -> bool:
    address = directory / "s"
    command = [str(binary), "--port", "0", "--unixsocket", str(address), "--dir", str(directory), "--appendonly", "yes"]
    with spawn(command, subprocess.DEVNULL, preexec_fn=child_setup(signal.SIGKILL)) as process:
        try:
            deadline = time.monotonic() + TRIAL_SECONDS
            while process.poll() is None and time.monotonic() < deadline:
                if _answers(address):
                    return True
                time.sleep(_POLL_SECONDS)
            # One that neither ends nor answers is left to its real start, which has more time.
            return process.poll() is None
        finally:
            process.kill()


def _answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(address))
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
        except OSError:
            return False


def _refusal(
    directory: Path, writer: Writer, tried: list[RedisServer], others: list[RedisServer], header: Header
) -> str:
    """In one line, with what to do about it: `others` may be able to."""
    able = next((server for server in others if can_read(server, header)), None)
    way = f"{able.binary}, which is {able}" if able else f"a {writer}"
    return (
        f"{' and '.join(map(str, tried))} cannot read the data in {directory}, which {writer} wrote:"
        f" set MODEPULSE_REDIS_SERVER to {way}, or move {directory.parent} away to start anew"
    )
