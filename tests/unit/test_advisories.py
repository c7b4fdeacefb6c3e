"""When scripts/audit fails, and when it only says something."""

from pathlib import Path
from typing import Any

import pytest

from tests.advisories import ask, judge

SOUND: dict[str, Any] = {"name": "sound", "version": "1", "vulns": []}
FIXED: dict[str, Any] = {"name": "old", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2", "3"]}]}
OPEN: dict[str, Any] = {"name": "bad", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": []}]}
UNKNOWN: dict[str, Any] = {"name": "other", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("reported", "failed", "lines"),
    [
        ([SOUND, SOUND], False, ["1 packages audited"]),
        ([SOUND, UNKNOWN], False, ["1 packages audited, of 1 others nothing is known"]),
        ([FIXED], True, ["old 1: PYSEC-1, fixed in 2, 3", "1 packages audited"]),
        ([OPEN, SOUND], False, ["bad 1: CVE-1, no version without it yet", "2 packages audited"]),
        ([OPEN, FIXED], True, ["bad 1: CVE-1, no version without it yet", "old 1: PYSEC-1, fixed in 2, 3",
                               "2 packages audited"]),
    ],
)  # fmt: skip
def test_a_vulnerability_with_a_remedy_fails(reported: list[Any], failed: bool, lines: list[str]) -> None:
    assert judge(reported) == (failed, lines)


@pytest.mark.parametrize("reported", [[], [UNKNOWN]])
def test_an_audit_of_nothing_never_looks_like_a_clean_one(reported: list[Any]) -> None:
    verdict = judge(reported)
    assert not verdict.failed
    assert verdict.lines == ["no audit of the packages: the list of known vulnerabilities cannot be reached here"]


@pytest.mark.parametrize("output", ["", "{}", "[", '{"dependencies": []}'])
def test_a_report_that_cannot_be_made_is_none(tmp_path: Path, output: str) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(f"""#!/bin/sh
while [ "$1" != -o ]; do shift; done
printf %s '{output}' >"$2"
exit 1
""")
    program.chmod(0o700)
    assert ask(str(program), "requirements.lock") == []
    assert ask(str(tmp_path / "missing"), "requirements.lock") == []
