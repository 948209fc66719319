"""2.2.1, Commands, ReserveNow and CancelReservation; Sessions, Reservation: the CPO node."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.pricing import charged_periods, ocpi_price, price
from partners.charger.charge_point import ChargerSimulator
from partners.charger.settings import ChargerSettings
from partners.charger.states import Status
from partners.cli import app
from partners.cpo.app import CpoNode
from schemas import exact_json
from schemas.v2_2_1 import CDR
from tests.fixtures.cpo_world import (
    SettableClock,
    World,
    connector,
    cpo_settings,
    evse,
    location,
    tariff,
    token,
    world,
)

QUICK_BACK = ChargerSettings(reconnect_after=timedelta(milliseconds=20))
FAR = "2099-01-01T00:00:00Z"
APP = token("APP-1", type="APP_USER", whitelist="NEVER")
RESERVABLE = [location("square", *(evse(f"E{n}", f"CP{n}", capabilities=["RESERVABLE"]) for n in (1, 2)))]
WANTED = {
    "token": APP,
    "expiry_date": FAR,
    "reservation_id": "R1",
    "location_id": "square",
    "evse_uid": "E1",
    "authorization_reference": "BOOKED",
}
PRICED = tariff()
PRICED["elements"] = [
    {
        "price_components": [{"type": "TIME", "price": Decimal(5), "vat": Decimal(20), "step_size": 60}],
        "restrictions": {"reservation": "RESERVATION"},
    },
    {
        "price_components": [{"type": "FLAT", "price": Decimal(4), "vat": Decimal(20), "step_size": 1}],
        "restrictions": {"reservation": "RESERVATION_EXPIRES"},
    },
    *PRICED["elements"],
]


async def reserved(made: World, sender: str = "NL/MSP", **changes: Any) -> dict[str, Any]:
    """A reservation that a charge point keeps; its Session."""
    count = len(made.hub.all("POST", "/results/RESERVE_NOW")) + 1
    answer = await made.command("RESERVE_NOW", WANTED | changes, sender)
    assert answer.data["result"] == "ACCEPTED", answer.data
    assert (await made.result("RESERVE_NOW", count)).value == {"result": "ACCEPTED"}
    return await made.session("RESERVATION", count)


async def cancel(made: World, sender: str = "NL/MSP", reservation_id: str = "R1") -> Any:
    return (await made.command("CANCEL_RESERVATION", {"reservation_id": reservation_id}, sender)).data[
        "result"
    ]


@pytest.mark.holds("CMD-19", "SES-11", "SES-12", by="cpo")
async def test_a_reservation_is_a_session_that_becomes_active_when_its_token_starts_there() -> None:
    async with world(locations=RESERVABLE) as made:
        charger = await made.charger()
        session = await reserved(made)
        assert (session["kwh"], session["evse_uid"], session["connector_id"]) == (0, "E1", "1")
        assert (session["auth_method"], session["authorization_reference"]) == ("COMMAND", "BOOKED")
        assert session["cdr_token"]["uid"] == "APP-1"
        await charger.until_status(1, Status.RESERVED)
        patch = await made.hub.until(lambda: _statuses(made, "RESERVED"))
        assert patch[0].path.endswith("/square/E1")
        charger.plug_in(1)
        await made.command("START_SESSION", _start(APP))
        active = await made.active()
        assert active["id"] == session["id"]
        assert active["authorization_reference"] == "BOOKED"
        await charger.until_energy(1, Decimal(1000))
        charger.unplug(1)
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        assert cdr["session_id"] == session["id"]
        assert made.sessions()[0]["status"] == "RESERVATION"
        assert len({each["id"] for each in made.sessions() if "id" in each}) == 1


@pytest.mark.holds("SES-12", "CDR-13", by="cpo")
async def test_the_reference_that_was_given_last_counts() -> None:
    async with world(locations=RESERVABLE) as made:
        charger = await made.charger()
        await reserved(made)
        charger.plug_in(1)
        await made.command("START_SESSION", _start(APP) | {"authorization_reference": "STARTED"})
        assert (await made.active())["authorization_reference"] == "STARTED"


@pytest.mark.holds("CMD-18", by="cpo")
async def test_two_emsps_may_use_the_same_reservation_id() -> None:
    other = token("APP-2", type="APP_USER", party_id="XYZ")
    async with world(locations=RESERVABLE) as made:
        first, second = await made.charger("CP1"), await made.charger("CP2")
        mine = await reserved(made)
        theirs = await reserved(made, "NL/XYZ", token=other, evse_uid="E2")
        assert mine["id"] != theirs["id"]
        assert await cancel(made, "NL/XYZ") == "ACCEPTED"
        assert (await made.result("CANCEL_RESERVATION")).value == {"result": "ACCEPTED"}
        await second.until_status(1, Status.AVAILABLE)
        assert first.connector(1).status is Status.RESERVED
        over = await made.session("COMPLETED")
        assert over["id"] == theirs["id"]


@pytest.mark.holds("CMD-18", by="cpo")
async def test_the_same_id_at_the_same_location_replaces_the_reservation() -> None:
    async with world(locations=RESERVABLE) as made:
        first, second = await made.charger("CP1"), await made.charger("CP2")
        session = await reserved(made)
        await made.command("RESERVE_NOW", WANTED | {"evse_uid": "E2"})
        assert (await made.result("RESERVE_NOW", 2)).value == {"result": "ACCEPTED"}
        moved = await made.hub.receives("PATCH", f"/receiver/sessions/NL/CPO/{session['id']}")
        assert moved.value["evse_uid"] == "E2"
        await second.until_status(1, Status.RESERVED)
        await first.until_status(1, Status.AVAILABLE)
        assert [each.plug.charge_point for each in made.cpo.promises.early.all()] == ["CP2"]


@pytest.mark.holds("CMD-19", "SES-11", "TAR-15", by="cpo")
async def test_a_reservation_that_is_cancelled_is_completed_and_billed_by_its_tariff() -> None:
    clock = SettableClock()
    async with world(locations=RESERVABLE, tariffs=[PRICED], clock=clock) as made:
        charger = await made.charger()
        session = await reserved(made)
        clock.ahead = timedelta(minutes=30)
        assert await cancel(made) == "ACCEPTED"
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        last = await made.session("COMPLETED")
        assert last["id"] == session["id"] == cdr["session_id"]
        assert last["total_cost"] == cdr["total_cost"] == cdr["total_reservation_cost"]
        assert Decimal("2.49") < cdr["total_cost"]["excl_vat"] < Decimal("2.62")
        kinds = [each["type"] for period in cdr["charging_periods"] for each in period["dimensions"]]
        assert (kinds, cdr["total_energy"]) == (["RESERVATION_TIME"], 0)
        assert charger.connector(1).status is Status.AVAILABLE
        assert await cancel(made) == "REJECTED"


@pytest.mark.holds("SES-11", "CDR-14", by="cpo")
async def test_a_reservation_that_nobody_uses_expires_and_costs_what_its_tariff_says() -> None:
    clock = SettableClock()
    async with world(locations=RESERVABLE, tariffs=[PRICED], clock=clock) as made:
        await made.charger()
        expiry = clock() + timedelta(minutes=6)
        await reserved(made, expiry_date=expiry.strftime("%Y-%m-%dT%H:%M:%SZ"))
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        last = await made.session("COMPLETED")
        assert cdr["session_id"] == last["id"]
        _checked(cdr)
        # Six minutes at 5 an hour, and the fee of those who do not come.
        assert Decimal("4.40") < cdr["total_cost"]["excl_vat"] < Decimal("4.60")
        assert made.hub.all("POST", "/results/RESERVE_NOW")[-1].value == {"result": "ACCEPTED"}


@pytest.mark.holds("SES-11", by="cpo")
async def test_a_reservation_without_a_price_makes_no_cdr() -> None:
    clock = SettableClock()
    async with world(locations=RESERVABLE, clock=clock) as made:
        await made.charger()
        await reserved(made)
        clock.ahead = timedelta(minutes=10)
        await cancel(made)
        last = await made.session("COMPLETED")
        assert last["total_cost"]["excl_vat"] == 0
        assert made.cpo.cdrs() == []


async def test_our_own_timer_ends_a_reservation_of_a_charge_point_that_is_gone() -> None:
    clock = SettableClock()
    async with world(locations=RESERVABLE, clock=clock) as made:
        charger = await made.charger()
        expiry = clock() + timedelta(days=300)
        await reserved(made, expiry_date=expiry.strftime("%Y-%m-%dT%H:%M:%SZ"))
        await charger.__aexit__(None, None, None)
        clock.ahead = timedelta(days=301)
        made.cpo.node.changes.announce()
        last = await made.session("COMPLETED")
        assert last["end_date_time"] == expiry.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.holds("CMD-19", by="cpo")
async def test_a_reservation_that_a_fault_breaks_is_cancelled_on_the_url_of_the_reserve_now() -> None:
    """2.2.1, Commands, Flow, Reservation canceled by the CPO."""
    async with world(locations=RESERVABLE, tariffs=[PRICED]) as made:
        charger = await made.charger()
        await reserved(made)
        charger.break_down(1)
        canceled = await made.result("RESERVE_NOW", 2)
        assert canceled.value == {"result": "CANCELED_RESERVATION"}
        assert (canceled.to, canceled.sender) == ("NL/MSP", "NL/CPO")
        last = await made.session("COMPLETED")
        assert last["total_cost"] == {"excl_vat": 0}
        assert made.cpo.cdrs() == []


async def restarted(made: World, folder: Path, charger: ChargerSimulator) -> AsyncIterator[CpoNode]:
    """The CPO stopped and started anew on the same port for charge points."""
    port = int(made.cpo.ocpp_url.rsplit(":", 1)[1].split("/")[0])
    await made.cpo.__aexit__(None, None, None)
    async with CpoNode(cpo_settings(folder, locations=RESERVABLE, ocpp_port=port)) as cpo:
        await cpo.until_introduced()
        await charger.until_connected()
        await cpo.until(lambda: cpo.central_system.is_connected("CP1") or None)
        yield cpo


async def test_an_operator_may_have_to_cancel_a_reservation_which_survives_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path, locations=RESERVABLE) as made:
        charger = await made.charger(settings=QUICK_BACK)
        await reserved(made)
        async with asynccontextmanager(restarted)(made, tmp_path, charger) as cpo:
            arguments = ["--node", cpo.admin_url, "--key", cpo.admin_key, "--json"]
            (listed,) = await asked("reservation", "list", *arguments)
            assert (listed["reservation_id"], listed["emsp"], listed["charge_point"]) == (
                "R1",
                "NL/MSP",
                "CP1",
            )
            await asked("reservation", "cancel", str(listed["number"]), *arguments)
            assert (await made.result("RESERVE_NOW", 2)).value == {"result": "CANCELED_RESERVATION"}
            await charger.until_status(1, Status.AVAILABLE)
            assert (await made.session("COMPLETED"))["kwh"] == 0
            assert await asked("reservation", "list", *arguments) == []


async def test_a_reservation_may_be_used_after_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path, locations=RESERVABLE) as made:
        charger = await made.charger(settings=QUICK_BACK)
        session = await reserved(made)
        async with asynccontextmanager(restarted)(made, tmp_path, charger):
            charger.plug_in(1)
            assert (await charger.tap(1, "APP-1")).value == "Accepted"
            assert (await made.active())["id"] == session["id"]


async def asked(*command: str) -> Any:
    """What the command line answers, as JSON."""
    result = await asyncio.to_thread(CliRunner().invoke, app, ["cpo", *command])
    assert result.exit_code == 0, result.output
    return exact_json.decode(result.stdout_bytes)


@pytest.mark.holds("SES-13", "CDR-15", "TR-34", "LOC-21", by="cpo")
async def test_a_reservation_of_any_evse_has_none_until_somebody_comes() -> None:
    two = evse("E1", "CP1", capabilities=["RESERVABLE"])
    other = evse("E2", "CP1", capabilities=["RESERVABLE"], connectors=[connector(ocpp_connector=2)])
    clock = SettableClock()
    async with world(locations=[location("square", two, other)], tariffs=[PRICED], clock=clock) as made:
        charger = await made.charger(settings=ChargerSettings(connectors=2))
        session = await reserved(made, evse_uid=None)
        assert (session["evse_uid"], session["connector_id"]) == ("#NA", "#NA")
        clock.ahead = timedelta(minutes=10)
        await cancel(made)
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        there = cdr["cdr_location"]
        assert (there["evse_uid"], there["evse_id"], there["connector_id"]) == ("#NA", "#NA", "#NA")
        await reserved(made, evse_uid=None, reservation_id="R2")
        charger.plug_in(2)
        await made.command("START_SESSION", _start(APP) | {"evse_uid": "E2"})
        active = await made.active()
        assert (active["evse_uid"], active["connector_id"]) == ("E2", "1")


@pytest.mark.holds("CDR-10", by="cpo")
async def test_the_time_of_a_reservation_that_was_used_is_in_the_bill() -> None:
    async with world(locations=RESERVABLE, tariffs=[PRICED]) as made:
        charger = await made.charger()
        session = await reserved(made)
        charger.plug_in(1)
        await made.command("START_SESSION", _start(APP))
        await charger.until_energy(1, Decimal(1000))
        charger.unplug(1)
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        kinds = [period["dimensions"][0]["type"] for period in cdr["charging_periods"]]
        assert kinds[0] == "RESERVATION_TIME"
        assert cdr["start_date_time"] == session["start_date_time"]
        _checked(cdr)


@pytest.mark.holds("CMD-02", "CMD-03", "CMD-12", "CMD-14", by="cpo")
@pytest.mark.parametrize(
    ("changes", "code", "result"),
    [
        ({"location_id": "nowhere"}, 2003, None),
        ({"evse_uid": "E9"}, 2001, None),
        ({"token": token("X", party_id="XYZ")}, 2001, None),
        ({"response_url": "https://elsewhere.example/x"}, 2001, None),
        ({"expiry_date": "2020-01-01T00:00:00Z"}, 1000, "REJECTED"),
        ({"evse_uid": "E2"}, 1000, "REJECTED"),
        ({"token": APP | {"valid": False, "whitelist": "NEVER"}}, 1000, "ACCEPTED"),
    ],
)
async def test_what_cannot_be_reserved_is_said_at_once_and_a_token_is_not_judged(
    changes: dict[str, Any], code: int, result: str | None
) -> None:
    async with world(locations=RESERVABLE) as made:
        charger = await made.charger()
        answer = await made.command("RESERVE_NOW", WANTED | changes)
        assert (answer.status, answer.code) == (200, code)
        assert result is None or answer.data["result"] == result
        if result != "ACCEPTED":
            await charger.until_told()
            assert made.hub.all("POST", "/results") == []
        assert made.hub.all("POST", "/authorize") == []


@pytest.mark.holds("CMD-03", by="cpo")
async def test_each_word_of_the_charge_point_about_a_reservation_has_a_result() -> None:
    async with world(locations=RESERVABLE) as made:
        charger = await made.charger()
        await reserved(made)
        await made.command("RESERVE_NOW", WANTED | {"reservation_id": "R2"})
        assert (await made.result("RESERVE_NOW", 2)).value["result"] == "EVSE_OCCUPIED"
        charger.break_down(1)
        await made.result("RESERVE_NOW", 3)
        await made.command("RESERVE_NOW", WANTED | {"reservation_id": "R3"})
        assert (await made.result("RESERVE_NOW", 4)).value["result"] == "EVSE_INOPERATIVE"


async def test_a_reservation_of_somebody_else_is_not_found() -> None:
    async with world(locations=RESERVABLE) as made:
        await made.charger()
        await reserved(made)
        assert await cancel(made, "NL/XYZ") == "REJECTED"
        assert await cancel(made, reservation_id="R9") == "REJECTED"
        stop = await made.command("STOP_SESSION", {"session_id": made.cpo.sessions()[0].current["id"]})
        assert stop.data["result"] == "REJECTED"


@pytest.mark.holds("CMD-14", "TOK-07", by="cpo")
async def test_a_card_that_reserved_is_asked_about_again_after_a_quarter_of_an_hour() -> None:
    """And not before."""
    clock = SettableClock()
    card = token("CARD1", whitelist="NEVER")
    async with world(locations=RESERVABLE, tokens=(card,), clock=clock) as made:
        charger = await made.charger()
        await reserved(made, token=card)
        charger.plug_in(1)
        clock.ahead = timedelta(minutes=14)
        assert (await charger.tap(1, "CARD1")).value == "Accepted"
        await made.active()
        assert made.hub.all("POST", "/authorize") == []
        charger.unplug(1)
        await charger.until_told()
        await reserved(made, token=card, reservation_id="R2")
        clock.ahead = timedelta(minutes=31)
        charger.plug_in(1)
        await charger.tap(1, "CARD1")
        assert len(made.hub.all("POST", "/authorize")) == 1


def _start(value: dict[str, Any]) -> dict[str, Any]:
    return {"location_id": "square", "evse_uid": "E1", "token": value}


def _statuses(made: World, status: str) -> list[Any]:
    patches = made.hub.all("PATCH", "/receiver/locations")
    return [each for each in patches if each.value.get("status") == status]


def _checked(cdr: dict[str, Any]) -> None:
    """An eMSP that prices the CDR by itself comes to the same."""
    read = CDR.model_validate(cdr)
    periods = charged_periods(read.charging_periods, end=read.end_date_time)
    statement = price(periods, read.tariffs, time_zone="Europe/Amsterdam")
    assert ocpi_price(statement.total_cost).excl_vat == read.total_cost.excl_vat
