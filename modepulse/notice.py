"""Messages to the person at the terminal; stdout is for results."""

import sys


def notice(message: str) -> None:
    """Prints one line on stderr, named as Modepulse's."""
    print(f"modepulse: {message}", file=sys.stderr, flush=True)
