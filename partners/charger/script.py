"""Scripts: what a charger is like, and what happens to it when. A TOML file; the format: `docs/charger.md`.

A mistake is told with the line and the step where it is, and with what was expected there.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from partners.charger.charge_point import ChargerSimulator
from partners.charger.configuration import Configuration, keys_of
from partners.charger.connector import NotPossible
from partners.charger.dialects import DIALECTS
from partners.charger.script_actions import ACTIONS, NotAsExpected
from partners.charger.script_fields import (
    Field,
    Unexpected,
    count,
    duration,
    flag,
    one_of,
    texts,
    thousands,
)
from partners.charger.settings import ChargerSettings
from partners.charger.states import EnergyUnit, Outcome, TxStart, TxStop
from partners.charger.vehicle import Vehicle


class ScriptWrong(ValueError):
    """A script is not what it should be; the text says where, and what was expected."""


class ScriptFailed(Exception):
    """A step could not be done, or did not end as it expects."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens."""

    number: int
    line: int
    do: str
    values: Mapping[str, Any]
    #: Simulated time since the script began; None: at once when the step before is done.
    at: timedelta | None = None
    #: Simulated time since the step before was done.
    after: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script."""

    name: str
    #: What it is about, in a sentence.
    about: str
    settings: ChargerSettings
    configuration: Mapping[str, str]
    steps: tuple[Step, ...]


_CHARGER = {
    "ocpp": ("version", Field(one_of(str, DIALECTS))),
    "connectors": ("connectors", Field(count(1))),
    "power-kw": ("max_power_w", Field(thousands)),
    "phases": ("phases", Field(count(1, 3))),
    "register-kwh": ("register_wh", Field(thousands)),
    "energy-unit": ("energy_unit", Field(one_of(EnergyUnit, EnergyUnit))),
    "signs": ("signs", Field(flag)),
    "key-seed": ("key_seed", Field(count())),
    "tx-start": ("tx_start", Field(one_of(TxStart, TxStart))),
    "tx-stop": ("tx_stop", Field(one_of(TxStop, TxStop))),
    "car-comes-on-remote-start": ("car_comes_on_remote_start", Field(flag)),
    "unlock": ("unlock", Field(one_of(Outcome, ("Unlocked", "UnlockFailed", "NotSupported")))),
    "tells-status-when-back": ("tells_status_when_back", Field(flag)),
    "tells-status-of-the-whole": ("tells_status_of_the_whole", Field(flag)),
    "repeats-seq-no": ("repeats_seq_no", Field(flag)),
    "tells-remote-start-id": ("tells_remote_start_id", Field(flag)),
    "takes-at-boot": ("takes_at_boot", Field(texts)),
    "loses-at-boot": ("loses_at_boot", Field(texts)),
}
_CAR = {
    "battery-kwh": ("capacity_wh", Field(thousands)),
    "soc": ("soc", Field(count(0, 100))),
    "power-kw": ("max_power_w", Field(thousands)),
    "phases": ("phases", Field(count(1, 3))),
}
_WHEN = {"at": Field(duration), "after": Field(duration)}
_TABLES = {"about", "charger", "car", "configuration", "step"}
_STEP_HEADER = re.compile(r"\s*\[\[\s*step\s*\]\]")


def load(path: Path, settings: ChargerSettings | None = None) -> Script:
    """The script in a file.

    Args:
        path: The file.
        settings: What holds of the charger where the script says nothing.

    Raises:
        ScriptWrong: The file cannot be read, or is no script.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptWrong(f"{path.name}: cannot be read: {error}") from error
    return parse(content, path.name, settings)


def parse(content: str, name: str, settings: ChargerSettings | None = None) -> Script:
    """The script in a text; see `load`."""
    return _Reader(content, name).script(settings or ChargerSettings())


async def run(script: Script, charger: ChargerSimulator) -> None:
    """Do all steps, one after the other, in the charger's time.

    Raises:
        ScriptFailed: A step could not be done, or did not end as it expects.
    """
    begun = charger.time.now()
    for key, value in script.configuration.items():
        charger.configuration.put(key, value)
    for step in script.steps:
        due = charger.time.now() + step.after if step.at is None else begun + step.at
        await charger.time.sleep(max(due - charger.time.now(), timedelta()))
        try:
            await ACTIONS[step.do].run(charger, step.values)
        except (NotPossible, NotAsExpected) as error:
            raise ScriptFailed(
                f"{script.name}, line {step.line}, step {step.number} ({step.do}): {error}"
            ) from error


class _Reader:
    """Reads one text."""

    def __init__(self, content: str, name: str) -> None:
        self._lines = content.splitlines()
        self._name = name
        try:
            self._tables = tomllib.loads(content, parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            # The message ends with line and column.
            raise ScriptWrong(f"{name}: {error}") from error

    def script(self, settings: ChargerSettings) -> Script:
        for key in self._tables.keys() - _TABLES:
            raise self._wrong(self._line(key), "", f"unknown key {key}", _listed(_TABLES))
        about = self._about()
        settings = self._settings(settings)
        configuration = self._configuration(settings)
        return Script(self._name, about, settings, configuration, tuple(self._steps(settings)))

    def _about(self) -> str:
        about = self._tables.get("about", "")
        if not isinstance(about, str):
            raise self._wrong(self._line("about"), "", "about", "a sentence in quotes")
        return about

    def _settings(self, settings: ChargerSettings) -> ChargerSettings:
        charger = self._named("charger", _CHARGER)
        car = self._named("car", _CAR)
        if "soc" in car:
            car["soc"] = Decimal(car["soc"]) / 100
        vehicle: Vehicle = replace(settings.vehicle, **car)
        return replace(settings, **charger, vehicle=vehicle)

    def _named(self, table: str, known: Mapping[str, tuple[str, Field]]) -> dict[str, Any]:
        given = self._table(table)
        start = self._line(f"[{table}]")
        read = self._values(given, {key: field for key, (_, field) in known.items()}, start, f"[{table}]")
        return {known[key][0]: value for key, value in read.items() if value is not None}

    def _configuration(self, settings: ChargerSettings) -> dict[str, str]:
        start = self._line("[configuration]")
        trial = Configuration.standard(settings.connectors, **keys_of(settings.version))
        for key in sorted((settings.takes_at_boot | settings.loses_at_boot) - trial.values.keys()):
            place = self._line("[charger]")
            raise self._wrong(place, "[charger]", f"unknown setting {key}", f"one of {_listed(trial.values)}")
        given = {
            key: str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in self._table("configuration").items()
        }
        for key, value in given.items():
            if trial.put(key, value) is not Outcome.ACCEPTED:
                expected = f"one of {_listed(trial.values)}, and a value that it can have"
                raise self._wrong(self._line(key, start), "[configuration]", f"{key} = {value}", expected)
        return given

    def _table(self, name: str) -> dict[str, Any]:
        table = self._tables.get(name, {})
        if not isinstance(table, dict):
            raise self._wrong(self._line(name), "", name, f"a table [{name}]")
        return table

    def _steps(self, settings: ChargerSettings) -> Iterator[Step]:
        steps = self._tables.get("step", [])
        if not isinstance(steps, list) or not steps or not all(isinstance(each, dict) for each in steps):
            raise self._wrong(self._line("step"), "", "step", "at least one table [[step]]")
        headers = [number for number, line in enumerate(self._lines, 1) if _STEP_HEADER.match(line)]
        for number, given in enumerate(steps, 1):
            # Steps may also be written as one array, which has no headers.
            line = headers[number - 1] if number <= len(headers) else self._line("step")
            yield self._step(number, line, dict(given), settings)

    def _step(self, number: int, line: int, given: dict[str, Any], settings: ChargerSettings) -> Step:
        do = given.pop("do", None)
        where = f"step {number}" + (f" ({do})" if isinstance(do, str) else "")
        if not isinstance(do, str) or do not in ACTIONS:
            found = "do is missing" if do is None else f"do = {do!r}"
            raise self._wrong(self._line("do", line), where, found, f"one of {_listed(ACTIONS)}")
        values = self._values(given, dict(ACTIONS[do].fields) | _WHEN, line, where)
        if values["at"] is not None and values["after"] is not None:
            raise self._wrong(line, where, "at and after", "only one of them")
        if values.get("connector", 1) > settings.connectors:
            found = f"connector = {values['connector']}"
            expected = f"a number up to {settings.connectors}, as [charger] has them"
            raise self._wrong(self._line("connector", line), where, found, expected)
        at, after = values.pop("at"), values.pop("after")
        return Step(number, line, do, values, at, after or timedelta())

    def _values(
        self, given: Mapping[str, Any], fields: Mapping[str, Field], line: int, where: str
    ) -> dict[str, Any]:
        for key in given.keys() - fields.keys():
            raise self._wrong(self._line(key, line), where, f"unknown key {key}", f"one of {_listed(fields)}")
        values: dict[str, Any] = {}
        for key, field in fields.items():
            if key not in given:
                if field.is_required:
                    raise self._wrong(line, where, f"{key} is missing", _expectation(field))
                values[key] = field.default
                continue
            try:
                values[key] = field.read(given[key])
            except Unexpected as error:
                raise self._wrong(
                    self._line(key, line), where, f"{key} = {given[key]!r}", str(error)
                ) from error
        return values

    def _line(self, key: str, start: int = 1) -> int:
        """The line of a key or a header, from a line on; the line itself if it is not to be found."""
        is_header = key.startswith("[")
        wanted = re.compile(r"\s*" + re.escape(key) + ("" if is_header else r"\s*="))
        for number, line in enumerate(self._lines[start - 1 :], start):
            if wanted.match(line):
                return number
            if not is_header and number > start and line.lstrip().startswith("["):
                break
        return start

    def _wrong(self, line: int, where: str, found: str, expected: str) -> ScriptWrong:
        place = f"{self._name}, line {line}" + (f", {where}" if where else "")
        return ScriptWrong(f"{place}: {found}; expected {expected}")


def _expectation(field: Field) -> str:
    try:
        field.read(None)
    except Unexpected as error:
        return str(error)
    return "a value"


def _listed(words: Any) -> str:
    return ", ".join(sorted(words))
