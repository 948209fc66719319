"""2.2.1, Sessions, Set: Charging Preferences: the CPO node."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from partners.charger.charge_point import ChargerSimulator
from tests.fixtures.cpo_world import CPO, EMSP, World, connector, evse, location, tariff, token, world

ABLE = ["CHARGING_PREFERENCES_CAPABLE", "CHARGING_PROFILE_CAPABLE"]
TARIFFS = ["standard", "cheap"]
LOCATIONS = [
    location("square", evse("E1", "CP1", capabilities=ABLE, connectors=[connector(tariff_ids=TARIFFS)]))
]
CHEAP = tariff(
    {"type": "ENERGY", "price": Decimal("0.10"), "vat": Decimal(21), "step_size": 1},
    id="cheap",
    type="PROFILE_CHEAP",
)


def preferring() -> Any:
    return world(locations=LOCATIONS, tariffs=[tariff(), CHEAP], tokens=(token(),))


async def charging(made: World) -> tuple[ChargerSimulator, str]:
    charger = await made.charger()
    charger.plug_in(1)
    await charger.tap(1, "CARD1")
    return charger, (await made.active())["id"]


async def prefer(made: World, session_id: str, sender: str = EMSP, **wanted: Any) -> Any:
    """Send a wish; its departure is given from now."""
    if (departs := wanted.get("departure_time")) is not None:
        wanted["departure_time"] = (datetime.now(UTC) + departs).strftime("%Y-%m-%dT%H:%M:%SZ")
    url = made.hub.far_end["sessions", "SENDER"] + f"/{session_id}/charging_preferences"
    return await made.hub.call("PUT", url, wanted, to=str(CPO), sender=sender)


PATIENT = {"profile_type": "CHEAP", "departure_time": timedelta(hours=10), "energy_need": 20}


@pytest.mark.holds("SES-15", "SES-17", "TR-09", by="cpo")
@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        (PATIENT, "ACCEPTED"),
        ({"profile_type": "REGULAR"}, "ACCEPTED"),
        ({"profile_type": "FAST"}, "PROFILE_TYPE_NOT_SUPPORTED"),
        ({"profile_type": "GREEN", "departure_time": timedelta(hours=9)}, "PROFILE_TYPE_NOT_SUPPORTED"),
        ({"profile_type": "CHEAP"}, "DEPARTURE_REQUIRED"),
        ({"profile_type": "CHEAP", "departure_time": timedelta(hours=10)}, "ENERGY_NEED_REQUIRED"),
        (PATIENT | {"energy_need": 500}, "NOT_POSSIBLE"),
        (PATIENT | {"departure_time": timedelta(hours=-1)}, "NOT_POSSIBLE"),
        (
            {"profile_type": "REGULAR", "departure_time": timedelta(hours=1), "energy_need": 90},
            "NOT_POSSIBLE",
        ),
    ],
)
async def test_each_wish_has_its_answer(wanted: dict[str, Any], answer: str) -> None:
    async with preferring() as made:
        _, session_id = await charging(made)
        told = await prefer(made, session_id, **wanted)
        assert (told.status, told.code, told.data) == (200, 1000, answer)


@pytest.mark.holds("SES-17", by="cpo")
async def test_a_wish_that_is_accepted_changes_price_and_power() -> None:
    """20 kWh in ten hours are 2 kW; the price is that of the PROFILE_CHEAP tariff from then on."""
    async with preferring() as made:
        charger, session_id = await charging(made)
        await charger.until_energy(1, Decimal(1000))
        assert (
            await prefer(made, session_id, **PATIENT | {"departure_time": timedelta(hours=10)})
        ).data == "ACCEPTED"
        await charger.until(lambda: Decimal(1990) < charger.connector(1).power_w < Decimal(2010))
        energy = charger.connector(1).energy_wh
        await charger.until_energy(1, energy + 100)
        charger.unplug(1)
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        assert [each["id"] for each in cdr["tariffs"]] == ["standard", "cheap"]
        ids = [period["tariff_id"] for period in cdr["charging_periods"]]
        assert ids == sorted(ids, reverse=True)
        assert set(ids) == {"standard", "cheap"}


@pytest.mark.holds("SES-16", by="cpo")
async def test_an_evse_that_cannot_is_404_with_2001() -> None:
    """AM-29."""
    async with world(tokens=(token(),)) as made:
        _, session_id = await charging(made)
        answer = await prefer(made, session_id, profile_type="REGULAR")
        assert (answer.status, answer.code) == (404, 2001)


@pytest.mark.holds("SES-15", by="cpo")
async def test_nobody_has_preferences_about_sessions_of_others_or_of_nobody() -> None:
    async with preferring() as made:
        _, session_id = await charging(made)
        assert (await prefer(made, session_id, "NL/XYZ", profile_type="REGULAR")).status == 404
        assert (await prefer(made, "other", profile_type="REGULAR")).status == 404
        bare = made.hub.far_end["sessions", "SENDER"] + f"/{session_id}"
        value = {"profile_type": "REGULAR"}
        assert (await made.hub.call("PUT", bare, value, to=str(CPO), sender=EMSP)).status in {404, 405}


@pytest.mark.holds("SES-15", by="cpo")
async def test_what_is_over_cannot_be_wished_for() -> None:
    async with preferring() as made:
        charger, session_id = await charging(made)
        charger.unplug(1)
        await made.session("COMPLETED")
        assert (await prefer(made, session_id, profile_type="REGULAR")).data == "NOT_POSSIBLE"


@pytest.mark.holds("CHP-05", by="cpo")
async def test_preferences_and_a_profile_come_to_the_lower_and_the_setter_hears_of_it() -> None:
    async with preferring() as made:
        charger, session_id = await charging(made)
        url = f"{made.hub.far_end['chargingprofiles', 'RECEIVER']}/{session_id}"
        profile = {
            "charging_rate_unit": "W",
            "charging_profile_period": [{"start_period": 0, "limit": 7000}],
        }
        body = {"response_url": f"{made.hub.url}/results/PUT", "charging_profile": profile}
        await made.hub.call("PUT", url, body, to=str(CPO), sender=EMSP)
        assert (await made.result("PUT")).value == {"result": "ACCEPTED"}
        await prefer(made, session_id, **PATIENT)
        told = await made.hub.receives("PUT", "/sender/chargingprofiles")
        limits = [each["limit"] for each in told.value["charging_profile"]["charging_profile_period"]]
        assert all(1990 < limit < 2010 for limit in limits)
        await prefer(made, session_id, profile_type="REGULAR")
        told = await made.hub.receives("PUT", "/sender/chargingprofiles", 2)
        assert told.value["charging_profile"]["charging_profile_period"][0]["limit"] == 7000
        assert charger.connector(1).transaction_id is not None
