"""The files that stand beside the package in a checkout and inside it when it is installed from a wheel."""

from pathlib import Path


def shipped_file(name: str) -> Path:
    """The path of a file that is named as in a checkout: `redis.conf`, `deploy/redis/users.acl`..."""
    package = Path(__file__).parents[1]
    return next(path for path in (package.parent / name, package / name) if path.exists())
