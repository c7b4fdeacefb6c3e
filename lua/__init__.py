"""The scripts: one file per atomic operation, loaded once, run by EVALSHA, reloaded after a Redis restart."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError


@dataclass(frozen=True)
class Script:
    """One Lua file. Its header is the only description of its keys, arguments, reply and errors."""

    name: str
    source: str
    sha: str

    async def __call__(self, redis: Redis, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        """Runs it. A server that has not seen it yet (a fresh or restarted one) is given it first."""
        try:
            return await redis.execute_command("EVALSHA", self.sha, len(keys), *keys, *args)
        except NoScriptError:
            await redis.execute_command("SCRIPT LOAD", self.source)
            return await redis.execute_command("EVALSHA", self.sha, len(keys), *keys, *args)


def _script(name: str, first_line: str = "#!lua") -> Script:
    """The file's script; with another first line it is another script to Redis."""
    source = Path(__file__).with_name(f"{name}.lua").read_text().replace("#!lua", first_line, 1)
    return Script(name, source, sha1(source.encode(), usedforsecurity=False).hexdigest())


record_events = _script("record_events")
# The same for the later parts of a request whose first part was taken: not refused when memory is full, so that
# no request is applied by half.
record_rest = _script("record_events", "#!lua flags=allow-oom")
expire_sessions = _script("expire_sessions")
heal_events = _script("heal_events")
snapshot = _script("snapshot")
read_events = _script("read_events")
trim_events = _script("trim_events")
keep_api_key = _script("keep_api_key")
