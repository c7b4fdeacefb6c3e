"""Debian's Prometheus with the files of deploy/monitoring, and readings of /metrics, for tests."""

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from modepulse.launcher.child_process import child_setup
from tests.ports import unused_port
from tests.servers import Stack, eventually

PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
MONITORING = Path(__file__).parents[1] / "deploy" / "monitoring"
RULES = MONITORING / "alerts.yml"
NEEDS_PROMETHEUS = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None,
    reason="prometheus is not installed (on Debian: apt-get install prometheus); .ci/run installs it",
)

# name -> labels -> value, of samples as Prometheus keeps them
Figures = dict[str, dict[tuple[tuple[str, str], ...], float]]


def parse(text: str) -> Figures:
    """A text of /metrics."""
    found: Figures = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def scrape(url: str, **more: Any) -> Figures:
    """The figures at an address of /metrics."""
    return parse(httpx2.get(url, timeout=10, **more).raise_for_status().text)


def reachable(url: str) -> Figures | None:
    """None where nobody answers."""
    try:
        return scrape(url)
    except (httpx2.TransportError, httpx2.HTTPStatusError):
        return None


def figures(stack: Stack, process: str = "api") -> Figures:
    """Those of a process of a stack: api or archiver."""
    return scrape(stack.run["metrics"][process])


def value(figures: Figures, name: str, **labels: str) -> float:
    """Of one sample; 0 where there is none."""
    return figures.get(name, {}).get(tuple(sorted(labels.items())), 0.0)


def rules() -> dict[str, dict[str, Any]]:
    """The alerts that are shipped, by name."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def dashboard_queries() -> list[str]:
    """Every query of the dashboard."""
    found: list[str] = []

    def collect(part: Any) -> None:
        if isinstance(part, dict):
            found.extend(text for name, text in part.items() if name == "expr")
            part = list(part.values())
        if isinstance(part, list):
            for each in part:
                collect(each)

    collect(json.loads((MONITORING / "dashboard.json").read_text()))
    return found


def named_in(query: str) -> set[str]:
    """The metrics of ours, or of a process, in a query."""
    return set(re.findall(r"\b(?:modepulse|process|python)_\w+", re.sub(r'"[^"]*"', '""', query)))


def promtool(*arguments: str | Path, text: str | None = None) -> None:
    """Fails with what promtool finds."""
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *arguments], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lint" not in done.stdout + done.stderr


class Prometheus:
    """A running one, on loopback."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **parameters: str) -> Any:
        return httpx2.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=10).raise_for_status().json()["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """(labels, value) of each series now."""
        result = self.ask("query", query=expression)["result"]
        return [(series["metric"], float(series["value"][1])) for series in result]

    def up(self) -> dict[str, float]:
        """By job."""
        return {labels["job"]: value for labels, value in self.query("up")}

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}

    def lives(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/-/ready").status_code == 200
        except httpx2.TransportError:
            return False


@contextmanager
def prometheus(folder: Path, targets: dict[str, str], seconds: float = 1) -> Iterator[Prometheus]:
    """Runs the shipped configuration on these targets, by job, with a scrape every `seconds`."""
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    timing = {"scrape_interval": f"{seconds}s", "scrape_timeout": f"{seconds}s", "evaluation_interval": f"{seconds}s"}
    assert config["global"].keys() == timing.keys()
    config |= {"global": timing, "rule_files": [str(RULES)]}
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    server = Prometheus(f"http://127.0.0.1:{(port := unused_port())}")
    assert PROMETHEUS is not None
    with (folder / "prometheus.log").open("ab") as output:
        process = subprocess.Popen(
            [PROMETHEUS, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=child_setup(signal.SIGTERM),
        )  # fmt: skip
    try:
        eventually(lambda: process.poll() is not None or server.lives(), 30)
        assert process.poll() is None, (folder / "prometheus.log").read_text()
        yield server
    finally:
        process.terminate()
        process.wait(20)
