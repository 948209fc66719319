"""What a step of a script can do at a charger, and what it has to say for it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from partners.charger.charge_point import ChargerSimulator
from partners.charger.firmware import Behaviour, Manner
from partners.charger.meter import Glitch
from partners.charger.script_fields import (
    Field,
    count,
    duration,
    flag,
    one_of,
    required,
    text,
    thousands,
)
from partners.charger.states import Outcome, Status, Token, TokenKind, Verdict

_Values = Mapping[str, Any]


class NotAsExpected(Exception):
    """The charger or its central system did not do what a step expects."""


class Action(NamedTuple):
    """One thing that a step can do."""

    run: Callable[[ChargerSimulator, _Values], Awaitable[None]]
    fields: Mapping[str, Field]


async def _plug_in(charger: ChargerSimulator, values: _Values) -> None:
    car = charger.settings.vehicle
    given = {
        "capacity_wh": values["battery-kwh"],
        "soc": None if values["soc"] is None else Decimal(values["soc"]) / 100,
        "max_power_w": values["car-kw"],
        "phases": values["car-phases"],
    }
    known = {name: value for name, value in given.items() if value is not None}
    charger.plug_in(values["connector"], replace(car, **known))


async def _tap(charger: ChargerSimulator, values: _Values) -> None:
    token = Token(values["card"], values["type"])
    verdict = await charger.station.tap(values["connector"], token)
    if values["expect"] not in {None, verdict}:
        raise NotAsExpected(f"card {token.id}: expected {values['expect']}, found {verdict}")


async def _unplug(charger: ChargerSimulator, values: _Values) -> None:
    charger.unplug(values["connector"])


async def _break_down(charger: ChargerSimulator, values: _Values) -> None:
    charger.break_down(values["connector"])


async def _repair(charger: ChargerSimulator, values: _Values) -> None:
    charger.repair(values["connector"])


async def _whole(charger: ChargerSimulator, values: _Values) -> None:
    charger.become(values["status"])


async def _offline(charger: ChargerSimulator, values: _Values) -> None:
    await charger.go_offline()
    if values["for"] is not None:
        await charger.time.sleep(values["for"])
        charger.go_online()


async def _online(charger: ChargerSimulator, _values: _Values) -> None:
    charger.go_online()


async def _reconnect(charger: ChargerSimulator, _values: _Values) -> None:
    await charger.reconnect()


async def _power_loss(charger: ChargerSimulator, values: _Values) -> None:
    await charger.lose_power(values["for"], ends_transactions=values["transactions"] == "end")


async def _glitch(charger: ChargerSimulator, values: _Values) -> None:
    wh = int(values["kwh"] or 0)
    charger.go_wrong(values["connector"], values["kind"], wh=wh, samples=values["samples"])


async def _mend(charger: ChargerSimulator, values: _Values) -> None:
    charger.mend_meter(values["connector"])


async def _firmware(charger: ChargerSimulator, values: _Values) -> None:
    charger.firmware.behave(Behaviour(values["manner"], values["delay"]), values["action"])


async def _configure(charger: ChargerSimulator, values: _Values) -> None:
    outcome = charger.configuration.put(values["key"], values["value"])
    if outcome is not Outcome.ACCEPTED:
        raise NotAsExpected(f"{values['key']} cannot be {values['value']!r}: {outcome}")


async def _wait(charger: ChargerSimulator, values: _Values) -> None:
    connector_id, meant = values["connector"], dict(values)

    def is_so() -> bool:
        state = charger.connector(connector_id)
        return (
            meant["connected"] in {None, charger.is_connected}
            and meant["status"] in {None, state.status}
            and (meant["kwh"] is None or state.energy_wh >= meant["kwh"])
            and meant["told"] in {None, not charger.uplink.waiting}
            and meant["charging"] in {None, state.id_tag is not None}
        )

    try:
        async with asyncio.timeout(charger.time.real_seconds(values["within"])):
            await charger.until(is_so)
    except TimeoutError:
        state = charger.connector(connector_id)
        raise NotAsExpected(
            f"waited {values['within']} in vain: connector {connector_id} is {state.status},"
            f" {state.energy_wh / 1000:.3f} kWh, {charger.uplink.waiting} messages wait,"
            f" {'connected' if charger.is_connected else 'not connected'}"
        ) from None


_CONNECTOR = {"connector": Field(count(1), 1)}

#: By the word that a step has for it.
ACTIONS: dict[str, Action] = {
    "plug-in": Action(
        _plug_in,
        _CONNECTOR
        | {
            "battery-kwh": Field(thousands),
            "soc": Field(count(0, 100)),
            "car-kw": Field(thousands),
            "car-phases": Field(count(1, 3)),
        },
    ),
    "tap": Action(
        _tap,
        _CONNECTOR
        | {
            "card": required(text),
            "type": Field(one_of(TokenKind, TokenKind), TokenKind.ISO14443),
            "expect": Field(one_of(Verdict, Verdict)),
        },
    ),
    "unplug": Action(_unplug, _CONNECTOR),
    "break-down": Action(_break_down, _CONNECTOR),
    "repair": Action(_repair, _CONNECTOR),
    "whole": Action(
        _whole,
        {"status": required(one_of(Status, (Status.AVAILABLE, Status.UNAVAILABLE, Status.FAULTED)))},
    ),
    "offline": Action(_offline, {"for": Field(duration)}),
    "online": Action(_online, {}),
    "reconnect": Action(_reconnect, {}),
    "power-loss": Action(
        _power_loss,
        {
            "for": Field(duration, timedelta(seconds=30)),
            "transactions": Field(one_of(str, ("go-on", "end")), "go-on"),
        },
    ),
    "glitch": Action(
        _glitch,
        _CONNECTOR
        | {
            "kind": required(one_of(Glitch, Glitch)),
            "kwh": Field(thousands),
            "samples": Field(count(1), 1),
        },
    ),
    "mend": Action(_mend, _CONNECTOR),
    "firmware": Action(
        _firmware,
        {
            "action": Field(text),
            "manner": Field(one_of(Manner, Manner), Manner.OBEY),
            "delay": Field(duration, timedelta()),
        },
    ),
    "configure": Action(_configure, {"key": required(text), "value": required(text)}),
    "wait": Action(
        _wait,
        _CONNECTOR
        | {
            "connected": Field(flag),
            "status": Field(one_of(Status, Status)),
            "kwh": Field(thousands),
            "told": Field(flag),
            "charging": Field(flag),
            "within": Field(duration, timedelta(days=1)),
        },
    ),
}
