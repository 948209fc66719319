"""Stations of OCPP 2.0.1 and 2.1 as somebody else builds them: their transactions are Sessions and CDRs."""

from decimal import Decimal

import pytest
from ocpp.v201 import call

from tests.fixtures.cpo_world import token, world
from tests.fixtures.independent_station import at, energy, event, independent_station, says


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
async def test_a_card_at_a_station_becomes_a_session_and_a_cdr(version: str) -> None:
    async with (
        world(tokens=(token(),)) as made,
        independent_station(f"{made.cpo.ocpp_url}/CP1", version) as station,
    ):
        await says(station, call.StatusNotification(at(-60), "Occupied", 1, 1))
        allowed = await says(station, call.Authorize(id_token={"id_token": "CARD1", "type": "ISO14443"}))
        assert allowed.id_token_info["status"] == "Accepted"
        begun = event(
            "Started",
            0,
            0,
            state="Charging",
            token="CARD1",
            trigger="Authorized",
            evse={"id": 1, "connector_id": 1},
            meter_value=[energy(0, 1.0, "kWh", "Transaction.Begin")],
        )
        answer = await says(station, begun)
        assert answer.id_token_info["status"] == "Accepted"
        session = await made.active()
        assert session["start_date_time"] == at(0)
        await says(station, event("Updated", 1, 1800, meter_value=[energy(1800, 6000)]))
        parked = event("Updated", 2, 1800, state="SuspendedEV", trigger="ChargingStateChanged")
        await says(station, parked)
        end = [energy(0, 1000, context="Transaction.Begin"), energy(3600, 11_000, context="Transaction.End")]
        await says(station, event("Ended", 3, 3600, meter_value=end))
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        assert (await made.session("COMPLETED"))["id"] == cdr["session_id"] == session["id"]
        assert (cdr["total_energy"], cdr["total_time"]) == (10, 1)
        assert cdr["total_parking_time"] == Decimal("0.5")
        assert cdr["cdr_token"]["uid"] == "CARD1"
        assert "remark" not in cdr
