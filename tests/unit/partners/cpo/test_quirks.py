"""Chargers that are known to write uids or times in their own way, each by a table of its operator's file."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.configuration_file import SettingsWrong
from partners.cpo.configuration import configuration
from partners.cpo.quirks import Quirks, quirks
from partners.cpo.settings import settings
from partners.cpo.stations.ocpp2_questions import Ocpp2Questions
from partners.cpo.stations.questions import ListedToken
from partners.cpo.tokens.local_lists import Flavour
from partners.cpo.wiring import Outlet, Wiring
from partners.ocpp.versions import Version
from schemas.v2_2_1 import TokenType
from tests.fixtures.cpo_world import EMSP, evse, location, tariff, token, world
from tests.unit.partners.cpo.test_odd_chargers import APP, START, charger, current
from tests.unit.partners.cpo.test_odd_stations import station

TURNED = Quirks(reversed_uids=True, rfid="ISO15693")
UID, ITS_UID = "04A1B2C3", "C3B2A104"


def told(*chargers: dict[str, Any]) -> dict[str, Any]:
    return {
        "node": {"party": "NL/CPO", "name": "CPO"},
        "tariffs": [tariff()],
        "locations": [location()],
        "chargers": list(chargers),
    }


def test_what_is_said_of_a_charger_counts_for_it_and_for_no_other() -> None:
    found = settings(
        told(
            {"id": "CP1", "time_zone": "Europe/Amsterdam"},
            {"id": "CP2", "reversed_uids": True, "rfid": "ISO15693"},
        )
    ).quirks
    assert found == {"CP1": Quirks(time_zone=ZoneInfo("Europe/Amsterdam")), "CP2": TURNED}


@pytest.mark.parametrize(
    ("tables", "keys"),
    [
        ([{"id": "CP9"}], ["chargers[0].id"]),
        ([{"id": "CP1"}, {"id": "CP1"}], ["chargers[1].id"]),
        ([{"time_zone": "UTC"}], ["chargers[0].id"]),
        ([{"id": "CP1", "time_zone": "Utrecht"}], ["chargers[0].time_zone"]),
        ([{"id": "CP1", "rfid": "ISO", "reversed": True}], ["chargers[0].rfid", "chargers[0].reversed"]),
    ],
)
def test_what_is_wrong_with_it_names_the_key(tables: list[dict[str, Any]], keys: list[str]) -> None:
    with pytest.raises(SettingsWrong) as refused:
        settings(told(*tables))
    assert [each.key for each in refused.value.wrong] == keys


def test_tables_they_must_be() -> None:
    wrong: list[Any] = []
    configured = configuration({"tariffs": [tariff()], "locations": [location()]})
    assert quirks({"chargers": {"CP1": {}}}, configured, wrong) == {}
    assert [each.key for each in wrong] == ["chargers"]


@given(st.text(max_size=36))
def test_an_id_tag_that_was_reversed_twice_is_what_it_was(id_tag: str) -> None:
    assert TURNED.uid(TURNED.uid(id_tag)) == id_tag
    assert Quirks().uid(id_tag) == id_tag


@pytest.mark.parametrize(
    ("it_says", "meant"), [(ITS_UID, UID), ("c3b2a104", "04a1b2c3"), ("ABC", "ABC"), ("CARD", "CARD")]
)
def test_bytes_are_reversed_and_what_is_no_uid_is_left_alone(it_says: str, meant: str) -> None:
    assert TURNED.uid(it_says) == meant


async def test_a_card_that_its_reader_tells_in_reverse_is_the_card_that_the_emsp_knows() -> None:
    cards = (token(UID),)
    async with world(tokens=cards, quirks={"CP1": TURNED}) as made, charger(made) as one:
        for told, status in ((ITS_UID, "Accepted"), (UID, "Invalid")):
            answer = await one.says("Authorize", idTag=told)
            assert answer["idTagInfo"]["status"] == status
        number = await one.starts(idTag=ITS_UID)
        assert (await made.active())["cdr_token"]["uid"] == UID
        await one.stops(number, idTag=ITS_UID)
        async with charger(made, "CP2") as other:
            assert (await other.says("Authorize", idTag=UID))["idTagInfo"]["status"] == "Accepted"


async def test_a_remote_start_comes_back_to_the_command_that_asked_for_it() -> None:
    """The app's uid looks like a card's: it goes out reversed, and the charger says it as it was told."""
    app = APP | {"uid": UID}
    async with world(quirks={"CP1": TURNED}) as made, charger(made) as one:
        assert (await made.command("START_SESSION", START | {"token": app})).data["result"] == "ACCEPTED"
        asked = await one.wire.hear()
        assert asked[3]["idTag"] == ITS_UID
        await one.wire.say(3, asked[1], {"status": "Accepted"})
        await one.starts(idTag=asked[3]["idTag"])
        assert (await made.active())["cdr_token"]["uid"] == UID


def test_stations_are_told_of_cards_in_their_own_way_and_of_nothing_else() -> None:
    asked = Ocpp2Questions(Version.V2_0_1, Wiring({1: Outlet(1, 1)}), TURNED)
    card = {"idToken": ITS_UID, "type": "ISO15693"}
    assert asked.remote_start(1, UID, TokenType.RFID, 1).payload["idToken"] == card
    assert asked.remote_start(1, UID, TokenType.APP_USER, 1).payload["idToken"] == {
        "idToken": UID,
        "type": "Central",
    }
    listed = asked.send_local_list(2, [ListedToken(UID, TokenType.RFID)], whole=False)
    assert [each["idToken"] for each in listed.payload["localAuthorizationList"]] == [card]


@pytest.mark.parametrize(
    ("kind", "it_says"), [("ISO15693", ITS_UID), ("ISO14443", ITS_UID), ("KeyCode", UID)]
)
async def test_a_station_tells_cards_in_reverse_and_codes_as_they_are(kind: str, it_says: str) -> None:
    async with world(tokens=(token(UID),), quirks={"CP1": TURNED}) as made, station(made) as one:
        answer = await one.says("Authorize", idToken={"idToken": it_says, "type": kind})
        assert answer["idTokenInfo"]["status"] == "Accepted"


async def test_a_charger_that_tells_local_times_without_a_zone_is_billed_at_the_right_ones() -> None:
    its = Quirks(time_zone=ZoneInfo("Europe/Amsterdam"))
    async with world(tokens=(token(),), quirks={"CP1": its}) as made, charger(made) as one:
        number = await one.starts(timestamp="2026-07-01T14:00:00")
        value = {"timestamp": "2026-07-01T14:30:00", "sampledValue": [{"value": "6000"}]}
        await one.says("MeterValues", connectorId=1, transactionId=number, meterValue=[value])
        await one.stops(number, timestamp="2026-07-01T13:00:00Z")
        assert current(made)["start_date_time"] == "2026-07-01T12:00:00Z"
        assert current(made)["end_date_time"] == "2026-07-01T13:00:00Z"
        assert current(made)["kwh"] == 10
        samples = made.cpo.charging_log.samples(made.cpo.charging_log.charging(number))
        assert [f"{each.at:%H:%M}" for each in samples] == ["12:30"]


async def test_a_schedule_that_begins_at_a_local_time_is_told_with_its_instant() -> None:
    its = Quirks(time_zone=ZoneInfo("Europe/Amsterdam"))
    able = location("square", evse("E1", "CP1", capabilities=["CHARGING_PROFILE_CAPABLE"]))
    known: dict[str, Any] = {"tokens": (token(),), "locations": [able], "quirks": {"CP1": its}}
    async with world(**known) as made, charger(made) as one:
        await one.starts()
        url = f"{made.hub.far_end['chargingprofiles', 'RECEIVER']}/{current(made)['id']}"
        query = f"duration=600&response_url={made.hub.url}/results/profile"
        await made.hub.call("GET", f"{url}?{query}", to="NL/CPO", sender=EMSP)
        while (asked := await one.wire.hear())[2] != "GetCompositeSchedule":
            await one.wire.say(4, asked[1], "NotSupported", "", {})
        periods = [{"startPeriod": 0, "limit": 7000.0}]
        schedule = {"duration": 600, "chargingRateUnit": "W", "chargingSchedulePeriod": periods}
        begins = {"scheduleStart": "2026-07-01T14:00:00", "chargingSchedule": schedule}
        await one.wire.say(3, asked[1], {"status": "Accepted", "connectorId": 1} | begins)
        result = (await made.result("profile")).value
        assert result["profile"]["start_date_time"] == "2026-07-01T12:00:00Z"


def test_the_file_may_say_nothing_of_chargers(tmp_path: Path) -> None:
    assert settings({**told(), "chargers": []}, tmp_path).quirks == {}


def test_a_charger_whose_way_was_changed_has_another_list() -> None:
    ways = [Quirks(), Quirks(reversed_uids=True), Quirks(rfid="ISO15693"), TURNED]
    assert len({Flavour(20, asks_first=False, quirks=way).name for way in ways}) == len(ways)
    assert Flavour(20, asks_first=True).name == "20+"
