"""Profiles of settings, by vendor and model, from a TOML file.

    [[profiles]]
    name = "Example 22 kW"
    vendor = "Example*"            # patterns; left out: any
    model = "*"
    charge_points = ["CP00*"]      # or by identity; needed where a BootNotification itself is wrong
    relaxed = ["extra-fields"]     # rules of OCPP's schemas that it is known to break

    [profiles.settings]            # OCPP 1.6
    HeartbeatInterval = 300

    [profiles.variables]           # OCPP 2.x: component, variable, instance if it has some
    "OCPPCommCtrlr.HeartbeatInterval" = 300
    "OCPPCommCtrlr.MessageAttempts[TransactionEvent]" = 10

The first profile that fits counts.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from partners.configuration_file import SettingsWrong, Wrong, read_toml
from partners.cpo.stations.questions import Setting
from partners.ocpp.payloads import Relaxation

_VARIABLE: Final = re.compile(r"([^.\[\]]+)\.([^\[\]]+)(?:\[([^\[\]]+)\])?")
_KEYS: Final = ("name", "vendor", "model", "charge_points", "relaxed", "settings", "variables")


@dataclass(frozen=True, slots=True)
class SettingsProfile:
    """What chargers of some kind are set to."""

    name: str
    vendor: str = "*"
    model: str = "*"
    charge_points: tuple[str, ...] = ("*",)
    relaxed: frozenset[Relaxation] = frozenset()
    #: OCPP 1.6.
    settings: Mapping[str, str] = field(default_factory=dict)
    #: OCPP 2.x, as `Component.Variable` or `Component.Variable[Instance]`.
    variables: Mapping[str, str] = field(default_factory=dict)

    def fits(self, charge_point: str, vendor: str | None, model: str | None) -> bool:
        """Whether a charger is of this kind; without a vendor only its identity counts."""
        if not any(fnmatchcase(charge_point, each) for each in self.charge_points):
            return False
        if vendor is None or model is None:
            return self.charge_points != ("*",)
        return _alike(vendor, self.vendor) and _alike(model, self.model)

    def wanted(self, *, is_1_6: bool) -> list[tuple[Setting, str]]:
        """The settings, in the order of the file, and their values."""
        if is_1_6:
            return [(Setting(key, "", ""), value) for key, value in self.settings.items()]
        return [(_setting(name), value) for name, value in self.variables.items()]


def settings_profiles(path: Path) -> tuple[SettingsProfile, ...]:
    """The profiles of a file, in its order.

    Raises:
        SettingsWrong: It cannot be read, or something in it is wrong; every key is named.
    """
    told = read_toml(path)
    tables = told.get("profiles")
    wrong = [Wrong(f"{path}: {key}", "unknown; expected profiles") for key in told if key != "profiles"]
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        wrong.append(Wrong(f"{path}: profiles", "expected tables [[profiles]]"))
        raise SettingsWrong(wrong)
    for number, table in enumerate(tables):
        wrong += [Wrong(f"{path}: profiles[{number}].{key}", reason) for key, reason in _mistakes(table)]
    if wrong:
        raise SettingsWrong(wrong)
    return tuple(_profile(table) for table in tables)


def fitting(
    profiles: Sequence[SettingsProfile], charge_point: str, vendor: str | None, model: str | None
) -> SettingsProfile | None:
    """The first profile for a charger."""
    return next((each for each in profiles if each.fits(charge_point, vendor, model)), None)


def variable_name(line: Mapping[str, Any]) -> str:
    """The name by which a profile knows the variable of a line of NotifyReport."""
    component, variable = line["component"]["name"], line["variable"]
    instance = f"[{variable['instance']}]" if "instance" in variable else ""
    return f"{component}.{variable['name']}{instance}"


def _setting(name: str) -> Setting:
    match = _VARIABLE.fullmatch(name)
    assert match is not None  # noqa: S101 the file was looked through
    component, variable, instance = match.groups()
    return Setting(name, component, variable, instance or "")


def _profile(table: Mapping[str, Any]) -> SettingsProfile:
    return SettingsProfile(
        name=table["name"],
        vendor=table.get("vendor", "*"),
        model=table.get("model", "*"),
        charge_points=tuple(table.get("charge_points", ("*",))),
        relaxed=frozenset(Relaxation(each) for each in table.get("relaxed", ())),
        settings={key: _text(value) for key, value in table.get("settings", {}).items()},
        variables={key: _text(value) for key, value in table.get("variables", {}).items()},
    )


def _mistakes(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in table:
        if key not in _KEYS:
            yield key, f"unknown; expected one of {', '.join(_KEYS)}"
    for key in ("name", "vendor", "model"):
        if not isinstance(table.get(key, "" if key == "name" else "*"), str) or table.get(key) == "":
            yield key, "expected a text"
    if "name" not in table:
        yield "name", "missing; expected a text"
    yield from _wrong_lists(table)
    yield from _wrong_values(table)


def _wrong_values(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ("settings", "variables"):
        values = table.get(key, {})
        if not isinstance(values, dict):
            yield key, "expected a table"
            continue
        for name, value in values.items():
            if not isinstance(value, str | bool | int):
                yield f"{key}.{name}", "expected a text, a whole number, true or false"
            if key == "variables" and _VARIABLE.fullmatch(name) is None:
                yield f"{key}.{name}", "expected Component.Variable, or Component.Variable[Instance]"


def _wrong_lists(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ("charge_points", "relaxed"):
        each = table.get(key, [])
        if not (isinstance(each, list) and all(isinstance(one, str) for one in each)):
            yield key, "expected a list of texts"
        elif key == "relaxed":
            unknown = [one for one in each if one not in set(Relaxation)]
            if unknown:
                yield key, f"unknown: {', '.join(unknown)}; expected {', '.join(Relaxation)}"


def _text(value: str | bool | int) -> str:  # noqa: FBT001 a value of TOML
    return str(value).lower() if isinstance(value, bool) else str(value)


def _alike(text: str, pattern: str) -> bool:
    return fnmatchcase(text.casefold(), pattern.casefold())
