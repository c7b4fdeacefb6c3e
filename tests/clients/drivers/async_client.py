"""Drives modepulse_client.AsyncClient; its last argument has the address, the key and the options."""

import asyncio
import inspect
import json
import sys
from typing import Any

from modepulse_client import AsyncClient, Loss, Options

losses: dict[str, int] = {}


def note(loss: Loss) -> None:
    losses[loss.code] = losses.get(loss.code, 0) + loss.count


async def main() -> None:
    given = json.loads(sys.argv[-1])
    streams: list[Any] = []
    async with AsyncClient(given["url"], given["key"], Options(on_loss=note, **given["options"])) as client:
        calls: dict[str, Any] = {
            "totals": lambda: vars(client.totals),
            "losses": lambda: losses,
            "listen": lambda areas: streams.append(client.stream(areas)),
            "frame": lambda: anext(streams[-1]),
        }
        while line := await asyncio.to_thread(sys.stdin.readline):
            what, *arguments = json.loads(line)
            try:
                done = calls[what](*arguments) if what in calls else getattr(client, what)(*arguments)
                if inspect.isawaitable(done):
                    done = await done
            except Exception as error:
                done = f"error: {type(error).__name__} {error}"
            print(json.dumps(done), flush=True)
        for stream in streams:
            await stream.aclose()


asyncio.run(main())
