"""The picture of all targets."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.targets import TargetResult

REACHED, MISSED = "#2a7f62", "#b3443c"


def plot_targets(path: Path, results: Sequence[TargetResult]) -> None:
    """Writes an SVG: each row's ratio on the scale of its target, 1 is the target, to the right is better."""
    import matplotlib as mpl  # only here: it takes a second, and a quick run draws nothing

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "modepulse"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(11, 0.42 * len(results) + 1.2))
    labels = []
    for row, result in enumerate(results):
        target = result.target
        shares = [target.limit / ratio if target.at_most else ratio / target.limit for ratio in result.ratios]
        colour = REACHED if result.reached else MISSED
        axes.plot([min(shares), max(shares)], [row, row], color=colour, linewidth=2)
        axes.plot([median(shares)], [row], "o", color=colour)
        labels.append(f"{target.title} ({result.appendfsync})" if result.appendfsync else target.title)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(results)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log", base=2)
    axes.set_xlabel("how far beyond its target (1 = the target, right is better); median, min and max of the rounds")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
