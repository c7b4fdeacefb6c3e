"""Documents, alert rules and dashboard name what both processes really show, and nothing else."""

import re
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.routes import PROBLEM_CODES
from modepulse.launcher.stack import METRICS_PORT
from tests.conftest import SAME_ON_EVERY_SERVER
from tests.documents import table, text
from tests.http_client import event, post
from tests.prometheus import (
    MONITORING,
    NEEDS_PROMETHEUS,
    dashboard_queries,
    figures,
    named_in,
    promtool,
    rules,
)
from tests.servers import Stack

pytestmark = SAME_ON_EVERY_SERVER

PROCESSES = ("api", "archiver")
HEADER = ("metric", "type", "labels", "meaning")


def documented(section: str) -> dict[str, tuple[str, frozenset[str]]]:
    """metric -> (type, labels)"""
    rows = table(text("docs/metrics.md").split(f"\n## {section}\n")[1], *HEADER)
    return {row[0].strip("`"): (row[1], frozenset(filter(None, row[2].split(", ")))) for row in rows}


def served(stack: Stack, process: str) -> dict[str, tuple[str, frozenset[str]]]:
    found = {}
    for family in text_string_to_metric_families(httpx2.get(stack.run["metrics"][process]).text):
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = frozenset(label for sample in family.samples for label in sample.labels) - {"le"}
        assert family.documentation, name
        found[name] = (family.type, labels)
    return found


@pytest.mark.parametrize("process", PROCESSES)
def test_page_has_every_metric_with_its_type_and_labels(stack: Stack, http: httpx2.Client, process: str) -> None:
    post(http, event("metrics-page"))
    known = documented("API" if process == "api" else "Archiver") | documented("Both")
    ours = {name: found for name, found in served(stack, process).items() if name.startswith("modepulse_")}
    assert ours == known
    page = text("docs/metrics.md")
    for name in served(stack, process):
        assert f"`{name}`" in page, name


def test_page_names_the_tasks_and_the_port_of_the_archiver(stack: Stack) -> None:
    page = text("docs/metrics.md")
    for labels in figures(stack, "archiver")["modepulse_archiver_job_failing"]:
        assert f"`{dict(labels)['task']}`" in page
    for document in (page, text("docs/settings.md"), (MONITORING / "prometheus.yml").read_text()):
        assert str(METRICS_PORT) in document


def test_rules_and_dashboard_name_only_what_is_served(stack: Stack) -> None:
    names = {"modepulse_redis_memory_limit_bytes"}
    for process in PROCESSES:
        names |= figures(stack, process).keys()
    queries = [rule["expr"] for rule in rules().values()] + dashboard_queries()
    assert len(queries) > 40
    for expression in queries:
        assert named_in(expression) <= names, expression
        # And no label that they do not have.
        for name, labels in re.findall(r"(modepulse_\w+)\{([^}]*)\}", expression):
            has = {
                label
                for process in PROCESSES
                for sample in figures(stack, process).get(name, {})
                for label, _ in sample
            }
            assert set(re.findall(r"(\w+)\s*[=!]", re.sub(r'"[^"]*"', '""', labels))) <= has, expression


def test_every_figure_is_on_the_dashboard_or_behind_an_alert(stack: Stack) -> None:
    queries = " ".join([rule["expr"] for rule in rules().values()] + dashboard_queries())
    for process in PROCESSES:
        for name, (kind, _) in served(stack, process).items():
            if name.startswith("modepulse_"):
                assert name in queries or (kind == "histogram" and f"{name}_bucket" in queries), name


def test_codes_that_rules_name_exist() -> None:
    for rule in rules().values():
        for codes in re.findall(r'code=~?"([^"]*)"', rule["expr"]):
            assert set(codes.split("|")) <= set(PROBLEM_CODES)


def test_every_alert_has_its_section_and_no_other() -> None:
    page = text("docs/alerts.md")
    assert re.findall(r"^## (Modepulse\w+)$", page, re.MULTILINE) == list(rules())
    for name, rule in rules().items():
        assert rule["annotations"]["runbook"] == f"docs/alerts.md#{name.lower()}"
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        assert [bold for bold in ("**Means**", "**Look at**", "**Do**") if bold in section] == [
            "**Means**", "**Look at**", "**Do**",
        ], name  # fmt: skip


@NEEDS_PROMETHEUS
def test_promtool_finds_no_fault(stack: Stack, tmp_path: Path) -> None:
    promtool("check", "rules", MONITORING / "alerts.yml")
    for name in ("prometheus.yml", "compose.yml"):
        promtool("check", "config", MONITORING / name)
    for process in PROCESSES:
        promtool("check", "metrics", text=httpx2.get(stack.run["metrics"][process]).text)
    promtool("test", "rules", Path(__file__).parents[1] / "monitoring" / "alerts_test.yml")
    # Prometheus can read every query of the dashboard.
    lines = ["groups:", "  - name: dashboard", "    rules:"]
    for number, expression in enumerate(dashboard_queries()):
        lines += [f"      - record: panel:{number}", f"        expr: {expression!r}"]
    (tmp_path / "dashboard.yml").write_text("\n".join(lines))
    promtool("check", "rules", tmp_path / "dashboard.yml")
