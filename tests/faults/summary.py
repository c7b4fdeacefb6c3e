"""The table at the end of `scripts/test --faults`."""

from dataclasses import asdict, dataclass, field
from typing import Any

from tests.faults.load import Report


@dataclass
class Summary:
    rows: list[tuple[str, int, Report]] = field(default_factory=list)

    def add(self, name: str, faults: int, report: Report) -> None:
        self.rows.append((name, faults, report))
        assert report.clean, f"{name}: {report}"

    def packed(self) -> list[tuple[str, int, dict[str, Any]]]:
        """The rows in types that go from one process to another."""
        return [(name, faults, asdict(report)) for name, faults, report in self.rows]

    def unpack(self, rows: list[tuple[str, int, dict[str, Any]]]) -> None:
        """Adds those of another process, which has checked them."""
        self.rows += [(name, faults, Report(**report)) for name, faults, report in rows]

    def lines(self) -> list[str]:
        head = f"{'fault':<44}{'injected':>9}{'acked':>10}{'lost':>6}{'doubled':>9}{'differences':>13}"
        rows = [
            f"{name:<44}{faults:>9,}{r.acked:>10,}{r.lost:>6}{r.doubled:>9}"
            f"{r.wrongly_refused + r.not_converged + r.differences:>13}"
            for name, faults, r in self.rows
        ]
        total = (
            f"{'all':<44}{sum(f for _, f, _ in self.rows):>9,}{sum(r.acked for *_, r in self.rows):>10,}"
            f"{sum(r.lost for *_, r in self.rows):>6}{sum(r.doubled for *_, r in self.rows):>9}"
            f"{sum(r.wrongly_refused + r.not_converged + r.differences for *_, r in self.rows):>13}"
        )
        return [head, *rows, total]


SUMMARY = Summary()
