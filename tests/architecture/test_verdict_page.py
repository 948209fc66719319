"""docs/cdr-verdicts.md shows the rules and measures that there are."""

import re
import tomllib
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from hub.pricing.plausibility import RULES, Plausibility
from hub.pricing.plausibility.told import plausibility

PAGE = Path(__file__).parents[2] / "docs" / "cdr-verdicts.md"


def test_every_rule_stands_in_the_page_as_it_is() -> None:
    expected = [f"| `{rule.id}` | {rule.severity} | {rule.says} |" for rule in RULES]
    assert [line for line in _rows("The rules") if line.startswith("| `")][: len(RULES)] == expected


def test_every_measure_stands_in_the_page_with_its_default() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE))
    measures = [each for each in fields(Plausibility) if each.name != "severities"]
    for field in measures:
        default = getattr(Plausibility(), field.name)
        shown = f"{default.total_seconds():.0f} s" if isinstance(default, timedelta) else f"{default}"
        assert told[field.name].split(",")[0] == shown, field.name


def _rows(heading: str) -> list[str]:
    section = PAGE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")]


def test_the_file_in_the_page_is_one_that_is_understood() -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    made = plausibility(tomllib.loads(shown, parse_float=Decimal))
    assert made.severities
    assert made != replace(Plausibility(), severities=made.severities)
