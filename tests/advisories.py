"""`python -m tests.advisories PIP-AUDIT LOCK...`: what is known against the locked packages; behind scripts/audit."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

SECONDS = 300


class Verdict(NamedTuple):
    """`failed`: a known vulnerability has a remedy. `lines` are for people."""

    failed: bool
    lines: list[str]


def ask(pip_audit: str, lock: str) -> list[dict[str, Any]]:
    """pip-audit's report on the packages of a lock file; empty where it could not make one."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [pip_audit, "--disable-pip", "--require-hashes", "-r", lock, "--format", "json", "-o", str(report)]
        try:
            subprocess.run([*command, "--progress-spinner", "off"], capture_output=True, timeout=SECONDS, check=False)
            packages: list[dict[str, Any]] = json.loads(report.read_text())["dependencies"]
        except (OSError, ValueError, KeyError, subprocess.TimeoutExpired):
            return []
        return packages


def judge(reported: Iterable[dict[str, Any]]) -> Verdict:
    """A package of which nothing can be known counts neither for nor against."""
    packages = {(package["name"], package.get("version", "")): package for package in reported}.values()
    known = [package for package in packages if "vulns" in package]
    lines, failed = [], False
    for package in known:
        for vulnerability in package["vulns"]:
            remedies = vulnerability["fix_versions"]
            failed |= bool(remedies)
            remedy = f"fixed in {', '.join(remedies)}" if remedies else "no version without it yet"
            lines.append(f"{package['name']} {package['version']}: {vulnerability['id']}, {remedy}")
    if not known:
        lines.append("no audit of the packages: the list of known vulnerabilities cannot be reached here")
    else:
        unknown = len(packages) - len(known)
        lines.append(f"{len(known)} packages audited" + (f", of {unknown} others nothing is known" if unknown else ""))
    return Verdict(failed, lines)


if __name__ == "__main__":
    verdict = judge(package for lock in sys.argv[2:] for package in ask(sys.argv[1], lock))
    sys.stderr.writelines(f"modepulse: {line}\n" for line in verdict.lines)
    sys.exit(verdict.failed)
