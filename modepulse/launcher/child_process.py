"""Child processes that do not outlive this one: the kernel signals them when it ends, however it ends."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from app.settings import FILE_SUFFIX
from modepulse.launcher.errors import LaunchError

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
# Any number but 0: the namespace has no other user to confuse it with.
_NAMESPACE_ID = 1000


def spawn(command: list[str], output: IO[bytes] | int, **options: Any) -> "subprocess.Popen[bytes]":
    """Starts a child that prints to `output`; `options` are those of Popen.

    It gets a session of its own: Ctrl-C reaches only this process, which stops the children in order.
    """
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, **options
    )


def child_setup(death_signal: int, in_namespace: bool = False) -> Callable[[], None]:
    """Popen's `preexec_fn`: the kernel sends the child `death_signal` when this process ends (on Linux).

    With `in_namespace` the child moves into a user namespace of its own, in which root is an ordinary user.
    """
    parent = os.getpid()

    def setup() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if in_namespace:
            _enter_namespace()
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != parent:
                os._exit(1)  # the parent ended before prctl

    return setup


def inherited_environment() -> dict[str, str]:
    """A copy of this process's environment, to be changed for a child."""
    return dict(os.environ)


def environment_with(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child that is given these settings, whatever variables this process has them from."""
    files = {f"{variable}{FILE_SUFFIX}" for variable in settings}
    return {name: value for name, value in os.environ.items() if name not in files} | dict(settings)


def namespaces_allowed() -> bool:
    """Whether a child may enter a user namespace: many containers forbid it."""
    child = subprocess.run([sys.executable, "-c", ""], preexec_fn=_probe_namespace, capture_output=True, check=False)
    return child.returncode == 0


def _probe_namespace() -> None:
    try:
        _enter_namespace()
    except OSError:
        os._exit(1)


def _enter_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_NAMESPACE_ID} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{_NAMESPACE_ID} {group} 1")


def free_port(preferred: int | None = None) -> int:
    """A free TCP port of 127.0.0.1: `preferred` if it is free. Raises LaunchError."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            try:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise LaunchError("no free port on 127.0.0.1")
