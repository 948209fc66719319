"""Our charger at our CPO, in each version of OCPP: what flowed through the meter is what is billed."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import partners.charger
from partners.charger import script as scripts
from partners.charger.driver import rfid_visit
from partners.charger.settings import ChargerSettings
from partners.charger.states import EnergyUnit, TxStart, TxStop
from partners.charger.vehicle import Vehicle
from tests.fixtures.cpo_world import World, token, world

SCRIPTS = Path(partners.charger.__file__).parent / "scripts"
QUICK = timedelta(milliseconds=10)
APP = token("f3a1c0de-0000-4000-8000-9b1d2c3e4f50", type="APP_USER", whitelist="NEVER")

each_version = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


async def cdr_of(made: World) -> dict[str, Any]:
    value: dict[str, Any] = (await made.hub.receives("POST", "/receiver/cdrs")).value
    return value


@each_version
async def test_an_rfid_card_makes_a_session_and_a_cdr_of_the_energy_that_flowed(version: str) -> None:
    async with world(tokens=(token(),)) as made:
        charger = await made.charger(settings=ChargerSettings(version=version, reconnect_after=QUICK))
        visit = await rfid_visit(charger, 1, "CARD1", Decimal(3000))
        cdr = await cdr_of(made)
        session = await made.session("COMPLETED")
    assert visit.status == "Accepted"
    assert cdr["session_id"] == session["id"]
    assert abs(cdr["total_energy"] - visit.energy_wh / 1000) < Decimal("0.002")
    assert cdr["total_cost"] == session["total_cost"]
    assert cdr["cdr_token"]["uid"] == "CARD1"
    assert "remark" not in cdr


@each_version
async def test_an_app_starts_and_stops_and_its_long_uid_comes_back(version: str) -> None:
    settings = ChargerSettings(version=version, car_comes_on_remote_start=True, reconnect_after=QUICK)
    async with world() as made:
        charger = await made.charger(settings=settings)
        place = {"location_id": "square", "evse_uid": "E1", "token": APP, "authorization_reference": "REF"}
        await made.command("START_SESSION", place)
        assert (await made.result("START_SESSION")).value == {"result": "ACCEPTED"}
        session = await made.active()
        await charger.until_energy(1, Decimal(1500))
        await made.command("STOP_SESSION", {"session_id": session["id"]})
        assert (await made.result("STOP_SESSION")).value == {"result": "ACCEPTED"}
        cdr = await cdr_of(made)
    assert (cdr["session_id"], cdr["cdr_token"]["uid"]) == (session["id"], APP["uid"])
    assert cdr["authorization_reference"] == "REF"


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_transaction_from_plug_to_plug_without_a_token_at_first_and_kwh_on_the_wire(
    version: str,
) -> None:
    settings = ChargerSettings(
        version=version,
        tx_start=TxStart.EV_CONNECTED,
        tx_stop=TxStop.EV_CONNECTED,
        energy_unit=EnergyUnit.KWH,
        repeats_seq_no=True,
        vehicle=Vehicle(phases=1),
        reconnect_after=QUICK,
    )
    async with world(tokens=(token(),)) as made:
        charger = await made.charger(settings=settings)
        visit = await rfid_visit(charger, 1, "CARD1", Decimal(1000))
        cdr = await cdr_of(made)
    assert abs(cdr["total_energy"] - visit.energy_wh / 1000) < Decimal("0.002")


@each_version
async def test_what_happened_offline_is_billed_afterwards(version: str) -> None:
    made_script = scripts.load(SCRIPTS / "offline.toml")
    settings = replace(made_script.settings, version=version, reconnect_after=QUICK)
    cards = (token("04A1B2C3D4E5F6"), token("04FFEEDDCCBBAA"))
    async with world(tokens=cards) as made:
        made.time.speed = 14_400
        charger = await made.charger(settings=settings)
        await scripts.run(made_script, charger)
        await made.hub.receives("POST", "/receiver/cdrs", 2)
        cdrs = [each.value for each in made.hub.all("POST", "/receiver/cdrs")]
    flowed = charger.connector(1).register_wh - settings.register_wh
    assert abs(sum(each["total_energy"] for each in cdrs) - flowed / 1000) < Decimal("0.005")
    assert [each["cdr_token"]["uid"] for each in cdrs] == ["04A1B2C3D4E5F6", "04FFEEDDCCBBAA"]
