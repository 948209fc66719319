"""docs/cdr-verdicts.md shows the rules and measures that there are."""

import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

from hub.pricing.plausibility import RULES, Plausibility

PAGE = Path(__file__).parents[2] / "docs" / "cdr-verdicts.md"


def test_every_rule_stands_in_the_page_as_it_is() -> None:
    expected = [f"| `{rule.id}` | {rule.severity} | {rule.says} |" for rule in RULES]
    assert [line for line in _rows("The rules") if line.startswith("| `")][: len(RULES)] == expected


def test_every_measure_stands_in_the_page_with_its_default() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE))
    for field in fields(Plausibility):
        default = getattr(Plausibility(), field.name)
        shown = f"{default.total_seconds():.0f} s" if isinstance(default, timedelta) else f"{default}"
        assert told[field.name].split(",")[0] == shown, field.name


def _rows(heading: str) -> list[str]:
    section = PAGE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")]
