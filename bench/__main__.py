"""`python -m bench`; scripts/bench checks first that everything it needs is installed."""

from pathlib import Path
from typing import Annotated

import typer

HERE = Path(__file__).parent

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    count: Annotated[
        int | None,
        typer.Argument(help="With --listeners: listeners. With --history: events. With --names: names.", min=1),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Take less than two minutes; do not replace bench/latest.*.")
    ] = False,
    listeners: Annotated[
        bool, typer.Option("--listeners", help="Measure many listeners (2,000) to GET /stats/stream instead.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Measure a large archive (10,000,000 events) instead.")
    ] = False,
    names: Annotated[
        bool, typer.Option("--names", help="Measure a client that makes up names (1,000,000) instead.")
    ] = False,
    hostile: Annotated[
        bool, typer.Option("--hostile", help="Measure what others notice of slow connections and bad requests instead.")
    ] = False,
) -> None:
    """Measure Modepulse beside what would replace it (docs/performance.md, docs/history.md)."""
    if quick + listeners + history + names + hostile > 1:
        raise typer.BadParameter("--quick, --listeners, --history, --names and --hostile exclude each other")
    if count is not None and not (listeners or history or names):
        raise typer.BadParameter("COUNT goes with --listeners, --history or --names")
    if listeners:
        from bench.listeners import measure_listeners

        measure_listeners(count or 2000)
    elif history:
        from bench.history.report import measure_history

        measure_history(count or 10_000_000)
    elif names:
        from bench.names import measure_names

        measure_names(count or 1_000_000)
    elif hostile:
        from bench.hostile import measure_hostile

        measure_hostile()
    else:
        _compare(quick)


def _compare(quick: bool) -> None:
    from bench.run import FULL, QUICK, Run

    report = Run(QUICK if quick else FULL).measure()
    print(report.tables())
    if not quick:
        report.write(HERE)
        print(f"written: {HERE}/latest.json, latest.md, targets.svg")


if __name__ == "__main__":
    app(prog_name="scripts/bench")
