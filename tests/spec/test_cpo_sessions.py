"""2.2.1, Sessions: what the CPO node tells of them, from PENDING to the last word."""

from datetime import timedelta
from decimal import Decimal

import pytest

from partners.charger.charge_point import ChargerSimulator
from partners.charger.settings import ChargerSettings
from partners.cpo.billing.sessions import Pace
from tests.fixtures.cpo_world import SettableClock, World, token, world

APP = token("APP-1", type="APP_USER", whitelist="NEVER")
START = {"location_id": "square", "evse_uid": "E1", "token": APP, "authorization_reference": "REF"}
COMES = ChargerSettings(car_comes_on_remote_start=True)


async def pending(made: World) -> dict[str, object]:
    await made.command("START_SESSION", START)
    return await made.session("PENDING")


def waits_for_its_car(charger: ChargerSimulator) -> None:
    """For a day of its own time, which flies: the usual minute and a half is a moment of a busy machine."""
    assert charger.station.configuration.change("ConnectionTimeOut", str(24 * 3600)) == "Accepted"


@pytest.mark.holds("SES-01", "SES-10", "SES-12", "CMD-16", by="cpo")
async def test_a_remote_start_is_pending_until_the_car_is_there() -> None:
    """Then it is ACTIVE, under the same id, and its start is that of the charging."""
    async with world() as made:
        charger = await made.charger()
        waits_for_its_car(charger)
        told = await pending(made)
        assert (told["kwh"], told["evse_uid"], told["connector_id"]) == (0, "E1", "1")
        assert (told["auth_method"], told["authorization_reference"]) == ("COMMAND", "REF")
        assert told["cdr_token"]["uid"] == "APP-1"
        assert "total_cost" not in told
        # A minute of the charge point's time: the two starts cannot be the same.
        await charger.time.sleep(timedelta(seconds=60))
        charger.plug_in(1)
        active = await made.active()
        assert active["id"] == told["id"]
        assert active["start_date_time"] > told["start_date_time"]
        stored = made.cpo.charging_log.charging(1)
        assert active["start_date_time"] == stored.started.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.holds("SES-09", by="cpo")
async def test_a_remote_start_that_comes_to_nothing_is_invalid_and_stays_so() -> None:
    async with world(start_within=timedelta(milliseconds=300)) as made:
        charger = await made.charger()
        waits_for_its_car(charger)
        told = await pending(made)
        last = await made.session("INVALID")
        assert last["id"] == told["id"]
        charger.plug_in(1)
        assert (await made.active())["id"] != told["id"]
        assert [each.current["status"] for each in made.cpo.sessions()] == ["INVALID", "ACTIVE"]


async def test_a_remote_start_that_is_refused_was_no_session() -> None:
    async with world() as made:
        charger = await made.charger()
        charger.break_down(1)
        await charger.until_told()
        await made.command("START_SESSION", START)
        assert (await made.result("START_SESSION")).value["result"] == "EVSE_INOPERATIVE"
        assert made.cpo.sessions() == []


async def test_what_is_stopped_before_it_begins_stops_as_soon_as_it_does() -> None:
    """OCPP cannot take a remote start back."""
    async with world() as made:
        charger = await made.charger()
        waits_for_its_car(charger)
        told = await pending(made)
        answer = await made.command("STOP_SESSION", {"session_id": told["id"]})
        assert answer.data["result"] == "ACCEPTED"
        assert (await made.result("STOP_SESSION")).value == {"result": "FAILED"}
        charger.plug_in(1)
        last = await made.session("COMPLETED")
        assert last["id"] == told["id"]


@pytest.mark.holds("SES-09", "CDR-22", by="cpo")
async def test_after_completed_nothing_is_said_of_a_session() -> None:
    async with world(tokens=(token(),)) as made:
        charger = await made.charger()
        charger.plug_in(1)
        await charger.tap(1, "CARD1")
        await charger.until_energy(1, Decimal(1000))
        charger.unplug(1)
        await made.hub.receives("POST", "/receiver/cdrs")
        await charger.until_told()
        assert made.sessions()[-1]["status"] == "COMPLETED"
        assert made.hub.all("DELETE", "/receiver/sessions") == []


@pytest.mark.holds("SES-01", "SES-05", "SES-07", "SES-08", "SES-19", by="cpo")
async def test_a_running_session_is_patched_with_the_periods_that_are_over() -> None:
    """Each PATCH has last_updated; appended to what came before it gives what the last PUT says."""
    pace = Pace(timedelta(seconds=60), Decimal("0.2"))
    async with world(tokens=(token(),), pace=pace, longest_period=timedelta(minutes=1)) as made:
        charger = await made.charger()
        charger.plug_in(1)
        await charger.tap(1, "CARD1")

        def patched() -> bool:
            patches = made.hub.all("PATCH", "/receiver/sessions")
            return sum("charging_periods" in each.value for each in patches) > 1

        await made.hub.until(patched)
        charger.unplug(1)
        last = await made.session("COMPLETED")
        patches = made.hub.all("PATCH", "/receiver/sessions")
        assert all("last_updated" in each.value for each in patches)
        assert all(each.path.endswith(f"/NL/CPO/{last['id']}") for each in patches)
        told = [period for each in patches for period in each.value.get("charging_periods", ())]
        assert told
        starts = [each["start_date_time"] for each in told]
        assert starts == sorted(set(starts))


@pytest.mark.holds("SES-19", "CDR-11", by="cpo")
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_running_session_tells_power_current_and_battery_and_its_cdr_does_not(version: str) -> None:
    pace = Pace(timedelta(seconds=60), Decimal("0.2"))
    async with world(tokens=(token(),), pace=pace, longest_period=timedelta(minutes=2)) as made:
        charger = await made.charger(settings=ChargerSettings(version=version))
        charger.plug_in(1)
        await charger.tap(1, "CARD1")

        def over() -> list[dict[str, Decimal]]:
            periods = [
                period
                for each in made.hub.all("*", "/receiver/sessions")
                if each.value.get("status", "ACTIVE") == "ACTIVE"
                for period in each.value.get("charging_periods", ())
            ]
            return [{each["type"]: each["volume"] for each in period["dimensions"]} for period in periods]

        await made.hub.until(over)
        charger.unplug(1)
        first = over()[0]
        assert first.keys() >= {"CURRENT", "POWER", "STATE_OF_CHARGE", "ENERGY_IMPORT"}
        assert first["ENERGY_IMPORT"] == first["ENERGY"]
        assert first["MIN_POWER"] <= first["POWER"] <= first["MAX_POWER"]
        assert first["MIN_CURRENT"] <= first["CURRENT"] <= first["MAX_CURRENT"]
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        told = {each["type"] for period in cdr["charging_periods"] for each in period["dimensions"]}
        assert not told & {"CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE"}


@pytest.mark.holds("SES-02", by="cpo")
async def test_a_pending_session_is_listed_too() -> None:
    clock = SettableClock()
    async with world(clock=clock) as made:
        await made.charger()
        told = await pending(made)
        url = made.hub.far_end["sessions", "SENDER"] + "?date_from=2020-01-01T00:00:00Z"
        listed = await made.hub.call("GET", url, to="NL/CPO", sender="NL/MSP")
        assert [each["id"] for each in listed.data] == [told["id"]]
