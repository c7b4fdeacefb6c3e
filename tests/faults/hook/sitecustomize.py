"""Loaded by every Python process of a test's stack: kills the archiver, once, at the point named in a file."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

POINTS = {
    # name: (module, function, before or after it)
    "before insert": ("archiver.batches", "copy_new", "before"),
    "before commit": ("archiver.batches", "copy_new", "after"),
    "after commit": ("archiver.partition", "commit_batch", "after"),
    "before trim": ("archiver.stream", "trim", "before"),
    "after trim": ("archiver.stream", "trim", "after"),
    "before heal": ("archiver.heal", "_resubmit", "before"),
    "in mid-heal": ("archiver.heal", "_resubmit", "after"),
    "after heal": ("archiver.heal", "_fence", "after"),
    "in mid-rebuild": ("archiver.rebuild", "_write_sessions", "after"),
    "before exchange": ("archiver.rebuild", "_exchange", "before"),
    "after exchange": ("archiver.rebuild", "_exchange", "after"),
}


def _wrap(order: Path, name: str, function: Callable[..., Any], when: str) -> Callable[..., Any]:
    def reached() -> None:
        try:
            if order.read_text() == name:
                order.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        except FileNotFoundError:
            pass

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            reached()
        result = await function(*args, **kwargs)
        if when == "after":
            reached()
        return result

    return wrapped


if "archive" in sys.orig_argv and "MODEPULSE_TEST_KILL_ORDER" in os.environ:
    import importlib

    for _name, (_module, _function, _when) in POINTS.items():
        _target = importlib.import_module(_module)
        setattr(
            _target,
            _function,
            _wrap(Path(os.environ["MODEPULSE_TEST_KILL_ORDER"]), _name, getattr(_target, _function), _when),
        )
