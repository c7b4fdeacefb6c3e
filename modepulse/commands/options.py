"""The options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DATA_DIR = Path(".modepulse")

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on; 0 for any free one.", min=0, max=65535)]
Url = Annotated[str, typer.Option(help="Address of the API.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
RunningDataDir = Annotated[
    Path, typer.Option(help="Data directory of a running `modepulse dev`, for addresses that are not set.")
]
