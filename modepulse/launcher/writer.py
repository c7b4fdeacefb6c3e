"""The server that wrote a store's part of a data directory."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Writer:
    """Its name and version, as `Valkey` and `9.1.2`; `binary` is empty where only the data tells of it."""

    name: str
    version: str
    binary: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()
