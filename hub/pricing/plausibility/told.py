"""What an operator tells of the rules: how grave each is, and what they measure with (decision 0034)."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from hub.pricing.plausibility.measures import Plausibility
from hub.pricing.plausibility.rules import BY_ID, SCHEMA
from hub.pricing.plausibility.values import Severity

#: In place of a severity: the rule is not asked.
OFF: Final = "off"
_SEVERITIES: Final = (*Severity, OFF)
_SEVERITY, _MEASURE = "severity", "measure"
_MEASURES: Final[Mapping[str, Field[Any]]] = {
    each.name: each for each in fields(Plausibility) if each.default is not MISSING
}
#: Longer than any clock or invoice needs; a duration in seconds stays within what can be reckoned with.
_LONGEST: Final = timedelta(days=36_500)


class WrongRules(ValueError):
    """What was told of the rules cannot be; each line of the message names a place and what was expected."""


def plausibility(told: Mapping[str, Any]) -> Plausibility:
    """The rules as they were told: a table `severity` by rule, and a table `measure`.

    Raises:
        WrongRules: a name is not known, or a value cannot be; all of them are named.
    """
    known = (_SEVERITY, _MEASURE)
    wrong = [f"{name}: expected one of {', '.join(known)}" for name in told if name not in known]
    severities = dict(_severities(_table(told, _SEVERITY, wrong), wrong))
    measures = dict(_measures(_table(told, _MEASURE, wrong), wrong))
    made = Plausibility(severities=severities, **measures)
    if made.power_hold < made.power_note:
        wrong.append(
            f"{_MEASURE}.power_hold: expected at least power_note, {made.power_note}, got {made.power_hold}"
        )
    if wrong:
        raise WrongRules("\n".join(wrong))
    return made


def _table(told: Mapping[str, Any], name: str, wrong: list[str]) -> Mapping[str, Any]:
    table = told.get(name, {})
    if isinstance(table, Mapping):
        return table
    wrong.append(f"{name}: expected a table, got {table!r}")
    return {}


def _severities(table: Mapping[str, Any], wrong: list[str]) -> Iterator[tuple[str, Severity | None]]:
    for rule, severity in table.items():
        where = f"{_SEVERITY}.{rule}"
        if rule not in BY_ID:
            wrong.append(f"{where}: expected one of {', '.join(BY_ID)}")
        elif severity not in _SEVERITIES:
            wrong.append(f"{where}: expected one of {', '.join(_SEVERITIES)}, got {severity!r}")
        elif severity == OFF and rule == SCHEMA.id:
            wrong.append(f"{where}: expected one of {', '.join(Severity)}: what cannot be read is not clean")
        else:
            yield rule, None if severity == OFF else Severity(severity)


def _measures(table: Mapping[str, Any], wrong: list[str]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        where = f"{_MEASURE}.{name}"
        field = _MEASURES.get(name)
        if field is None:
            wrong.append(f"{where}: expected one of {', '.join(_MEASURES)}")
            continue
        is_time = isinstance(field.default, timedelta)
        unit = "a number of seconds" if is_time else "a number"
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            wrong.append(f"{where}: expected {unit}, got {value!r}")
        elif not Decimal(value).is_finite() or value < 0:
            wrong.append(f"{where}: expected {unit} that is not negative, got {value}")
        elif is_time and value > _LONGEST // timedelta(seconds=1):
            wrong.append(f"{where}: expected {unit}, {_LONGEST // timedelta(seconds=1)} at most, got {value}")
        else:
            yield name, _duration(Decimal(value)) if is_time else Decimal(value)


def _duration(seconds: Decimal) -> timedelta:
    return timedelta(microseconds=int(seconds * 1_000_000))
