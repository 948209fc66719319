"""A report for people, for programs, and for what runs builds (JUnit XML)."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

from hub.conformance.report import Check, Outcome, Report

_MARKS = {Outcome.PASSED: "ok", Outcome.WARNED: "warn", Outcome.FAILED: "FAIL", Outcome.SKIPPED: "skip"}


def as_text(report: Report) -> Iterator[str]:
    """Line by line: each subject with its checks, and a summary."""
    subject = None
    for check in sorted(report.checks, key=lambda each: each.subject):
        if check.subject != subject:
            subject = check.subject
            yield f"{subject}"
        yield f"  {_MARKS[check.outcome]:<4}  {check.title}  ({', '.join(check.rows)})"
        yield from (f"          {line}" for line in _lines(check))
    counts = ", ".join(f"{report.count(outcome)} {outcome}" for outcome in Outcome)
    yield f"{report.platform}: {counts}"


def as_json(report: Report) -> dict[str, Any]:
    """The whole report."""
    return {
        "platform": report.platform,
        "summary": {outcome: report.count(outcome) for outcome in Outcome},
        "checks": [
            {
                "rows": check.rows,
                "subject": check.subject,
                "title": check.title,
                "outcome": check.outcome,
                "skipped": check.skipped or None,
                "problems": [
                    {"weight": each.weight, "message": each.message, "where": each.where or None}
                    for each in check.problems
                ],
                "more": check.more,
            }
            for check in report.checks
        ],
    }


def as_junit(report: Report) -> bytes:
    """One test case a check; a warning is no failure."""
    suite = ET.Element(
        "testsuite",
        name=f"OCPI 2.2.1: {_printable(report.platform)}",
        tests=str(len(report.checks)),
        failures=str(report.count(Outcome.FAILED)),
        skipped=str(report.count(Outcome.SKIPPED)),
        errors="0",
    )
    for check in report.checks:
        name = f"{' '.join(check.rows)}: {check.title}"
        case = ET.SubElement(suite, "testcase", classname=check.subject, name=name)
        text = _printable("\n".join(_lines(check)))
        match check.outcome:
            case Outcome.FAILED:
                first = _printable(str(check.problems[0]))
                ET.SubElement(case, "failure", message=first).text = text
            case Outcome.SKIPPED:
                ET.SubElement(case, "skipped", message=_printable(check.skipped))
            case Outcome.WARNED:
                ET.SubElement(case, "system-out").text = text
            case Outcome.PASSED:
                pass
    root = ET.Element("testsuites")
    root.append(suite)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _lines(check: Check) -> Iterator[str]:
    if check.skipped:
        yield check.skipped
    yield from (f"{each.weight}: {each}" for each in check.problems)
    if check.more:
        yield f"and {check.more} more"


def _printable(text: str) -> str:
    """The text without what XML cannot hold; a partner may have put anything there."""
    return "".join(
        each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text
    )
