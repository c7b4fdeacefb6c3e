"""What `modepulse redis-cli` is where no redis-cli is installed: sends commands to Redis and shows the replies."""

import shlex
import sys
from collections.abc import Iterator
from typing import Any

from redis import Redis
from redis.exceptions import RedisError, ResponseError

INSTALL = "apt-get install redis-tools on Debian and Ubuntu"
# Their replies have no end.
ENDLESS = {"MONITOR", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "SYNC", "PSYNC"}


def run(url: str, words: list[str]) -> int:
    """Runs one command, or without one those of stdin; returns the exit code. Raises RedisError.

    As redis-cli does, it shows replies with their types at a terminal, and as they are elsewhere.
    """
    if words and words[0].startswith("-"):
        print(f"modepulse: {words[0]} takes the real redis-cli, which is not installed: {INSTALL}", file=sys.stderr)
        return 2
    with Redis.from_url(url) as client:
        connection: Any = client.connection_pool.get_connection()
        failed = False
        for command in [words] if words else _typed():
            if command[0].upper() in ENDLESS:
                reply: Any = ResponseError(f"{command[0]} takes the real redis-cli: {INSTALL}")
            else:
                connection.send_command(*command)
                reply = _reply(connection)
            failed = isinstance(reply, RedisError)
            print(formatted(reply) if sys.stdout.isatty() else raw(reply), flush=True)
        return int(failed)


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error


def _typed() -> Iterator[list[str]]:
    """The commands that are typed, or piped in, until the end or `quit`."""
    at_terminal = sys.stdin.isatty()
    if at_terminal:
        import readline  # noqa: F401  (input() then has a history and can be edited)

        print(f"A small redis-cli: for all there is, {INSTALL}. Ctrl-D ends it.", file=sys.stderr)
    while True:
        try:
            words = shlex.split(input("redis> " if at_terminal else ""))
        except (EOFError, KeyboardInterrupt):
            return
        except ValueError as error:  # a quote without its end
            print(f"(error) {error}")
            continue
        if words and words[0].lower() in ("quit", "exit"):
            return
        if words:
            yield words


def raw(reply: Any) -> str:
    """A reply as it is, the elements of an array on lines of their own."""
    if isinstance(reply, list):
        return "\n".join(map(raw, reply))
    return "" if reply is None else _text(reply)


def formatted(reply: Any, indent: str = "") -> str:
    """A reply with its type, as redis-cli shows it."""
    match reply:
        case None:
            return "(nil)"
        case int():
            return f"(integer) {reply}"
        case RedisError():
            return f"(error) {reply}"
        case []:
            return "(empty array)"
        case list():
            width = len(str(len(reply)))
            below = indent + " " * (width + 2)
            lines = (f"{number:>{width}}) {formatted(each, below)}" for number, each in enumerate(reply, 1))
            return f"\n{indent}".join(lines)
    escaped = _text(reply).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _text(reply: Any) -> str:
    return reply.decode("utf-8", "backslashreplace") if isinstance(reply, bytes) else str(reply)
