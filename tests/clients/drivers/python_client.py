"""Drives modepulse_client.Client; its last argument has the address, the key and the options."""

import json
import sys
from typing import Any

from modepulse_client import Client, Loss, Options

losses: dict[str, int] = {}


def note(loss: Loss) -> None:
    losses[loss.code] = losses.get(loss.code, 0) + loss.count


def main() -> None:
    given = json.loads(sys.argv[-1])
    client = Client(given["url"], given["key"], Options(on_loss=note, **given["options"]))
    streams: list[Any] = []
    calls: dict[str, Any] = {
        "totals": lambda: vars(client.totals),
        "losses": lambda: losses,
        "listen": lambda areas: streams.append(client.stream(areas)),
        "frame": lambda: next(streams[-1]),
    }
    for line in sys.stdin:
        what, *arguments = json.loads(line)
        try:
            done = calls[what](*arguments) if what in calls else getattr(client, what)(*arguments)
        except Exception as error:
            done = f"error: {type(error).__name__} {error}"
        print(json.dumps(done), flush=True)


main()
