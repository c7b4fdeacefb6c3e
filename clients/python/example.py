"""Ann starts to play a duel: `python example.py http://127.0.0.1:8000 [key]`."""

import sys

from modepulse_client import Client

with Client(sys.argv[1], key="".join(sys.argv[2:])) as modepulse:
    modepulse.login("ann", 111, "duel")
    modepulse.flush()
    print(modepulse.stats(111))
    modepulse.logout("ann", 111, "duel")
