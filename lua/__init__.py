"""The scripts: one file per atomic operation, read once, run by EVALSHA, loaded again after a Redis restart.

A line `--- @include NAME` stands for the file of that name in `lua/includes`. It is expanded here, so that Redis,
luacheck and `python -m lua NAME` see the same text. An include is plain statements over the script's locals, named in
its header: no function call is paid for what scripts share.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

_FOLDER = Path(__file__).parent
_INCLUDE = re.compile(r"^--- @include (\w+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Script:
    """One operation. The header of its source is the only description of its keys, arguments, reply and errors."""

    name: str
    source: str
    sha: str

    async def __call__(self, redis: Redis, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        """The script's reply, on a server that has not loaded it too. Raises RedisError."""
        try:
            return await redis.execute_command("EVALSHA", self.sha, len(keys), *keys, *args)
        except NoScriptError:
            await redis.execute_command("SCRIPT LOAD", self.source)
            return await redis.execute_command("EVALSHA", self.sha, len(keys), *keys, *args)


def expand(text: str, includes: Path) -> str:
    """The text with its includes. Raises FileNotFoundError for an unknown one, ValueError for one in an include."""
    expanded = _INCLUDE.sub(lambda line: (includes / f"{line[1]}.lua").read_text(), text)
    if "@include" in expanded:
        raise ValueError("an include stands in an include, or not on a line `--- @include NAME`")
    return expanded


def _script(file: str) -> Script:
    return _named(file, expand((_FOLDER / f"{file}.lua").read_text(), _FOLDER / "includes"))


def _named(name: str, source: str) -> Script:
    return Script(name, source, sha1(source.encode(), usedforsecurity=False).hexdigest())


record_events = _script("record_events")
# The same for the later parts of a request whose first part was taken: not refused when memory is full, so that
# no request is applied by half. Another first line makes it another script to Redis.
record_rest = _named("record_rest", record_events.source.replace("#!lua", "#!lua flags=allow-oom", 1))
add_totals = _script("add_totals")
admit_areas = _script("admit_areas")
expire_sessions = _script("expire_sessions")
forget_areas = _script("forget_areas")
heal_events = _script("heal_events")
read_sessions = _script("read_sessions")
read_log_state = _script("read_log_state")
set_totals = _script("set_totals")
trim_events = _script("trim_events")
keep_api_key = _script("keep_api_key")

SCRIPTS = {
    script.name: script
    for script in (
        record_events,
        record_rest,
        add_totals,
        admit_areas,
        expire_sessions,
        forget_areas,
        heal_events,
        read_sessions,
        read_log_state,
        set_totals,
        trim_events,
        keep_api_key,
    )
}


async def load_all(redis: Redis) -> None:
    """Gives the server every script; a transaction that runs one by its SHA needs it there. Raises RedisError."""
    for script in SCRIPTS.values():
        await redis.execute_command("SCRIPT LOAD", script.source)
