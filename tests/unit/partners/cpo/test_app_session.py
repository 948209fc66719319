"""A driver with an app: commands become OCPP calls, and their results come back."""

from decimal import Decimal
from typing import Any

import pytest

from partners.charger.settings import ChargerSettings
from partners.charger.states import Outcome
from tests.fixtures.cpo_world import (
    CPO,
    EMSP,
    World,
    connector,
    evse,
    location,
    token,
    world,
)
from tests.fixtures.recorder import Fault

APP = token(
    "f3a1c0de-0000-4000-8000-9b1d2c3e4f50", type="APP_USER", whitelist="NEVER", contract_id="NL-MSP-C1"
)
PLACE = {"location_id": "square", "evse_uid": "E1"}
START = PLACE | {"token": APP, "authorization_reference": "APP-REF"}
COMES = ChargerSettings(car_comes_on_remote_start=True)


async def started(made: World, **changes: Any) -> dict[str, Any]:
    """A session that an app started; its first state with a transaction."""
    await made.command("START_SESSION", START | changes)
    return await made.active()


@pytest.mark.holds("CMD-02", "CMD-03", "CMD-04", "CMD-05", "CMD-14", "CMD-16", "TOK-15", "AM-11", by="cpo")
async def test_an_app_starts_and_stops_a_session() -> None:
    """CMD-02 to CMD-05, CMD-14, CMD-16, TOK-15, AM-11."""
    async with world() as made:
        charger = await made.charger(settings=COMES)
        answer = await made.command("START_SESSION", START)
        assert answer.data["result"] == "ACCEPTED"
        assert answer.data["timeout"] > 30
        assert (await made.result("START_SESSION")).value == {"result": "ACCEPTED"}
        session = await made.active()
        assert session["cdr_token"]["uid"] == APP["uid"]
        assert (session["auth_method"], session["authorization_reference"]) == ("COMMAND", "APP-REF")
        await charger.until_energy(1, Decimal(2000))
        stop = await made.command("STOP_SESSION", {"session_id": session["id"]})
        assert stop.data["result"] == "ACCEPTED"
        assert (await made.result("STOP_SESSION")).value == {"result": "ACCEPTED"}
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        assert cdr["session_id"] == session["id"]
        assert cdr["cdr_token"]["uid"] == APP["uid"]
        assert cdr["total_cost"] == made.sessions()[-1]["total_cost"]
        assert made.hub.all("POST", "/authorize") == []


@pytest.mark.holds("CMD-05", "AM-46", by="cpo")
async def test_a_result_goes_to_its_url_with_the_correlation_id_of_the_command() -> None:
    """CMD-05, AM-46."""
    async with world() as made:
        await made.charger(settings=COMES)
        url = f"{made.hub.far_end['commands', 'RECEIVER']}/START_SESSION"
        response_url = f"{made.hub.url}/results/odd%2Fpath?a=b&c=d"
        await made.hub.call(
            "POST",
            url,
            START | {"response_url": response_url},
            to=str(CPO),
            sender=EMSP,
            headers={"X-Correlation-ID": "the-command"},
        )
        result = await made.hub.receives("POST", "/results/")
        assert (result.path, result.query) == ("/results/odd%2Fpath", "a=b&c=d")
        assert (result.to, result.sender, result.correlation_id) == (EMSP, str(CPO), "the-command")
        assert result.token in made.hub.accepted_tokens


async def test_a_uid_that_is_too_long_for_the_charge_point_has_a_stand_in_there() -> None:
    async with world() as made:
        charger = await made.charger(settings=COMES)
        session = await started(made)
        stand_in = charger.connector(1).id_tag
        assert stand_in is not None
        assert len(stand_in) == 20
        assert set(stand_in) <= set("0123456789ABCDEF")
        assert session["cdr_token"]["uid"] == APP["uid"]


async def test_the_car_may_come_first() -> None:
    async with world() as made:
        charger = await made.charger()
        charger.plug_in(1)
        await charger.until_told()
        session = await started(made)
        assert session["evse_uid"] == "E1"


# What is not taken on.


@pytest.mark.holds("CMD-03", "CMD-12", by="cpo")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"location_id": "nowhere"}, 2003),
        ({"evse_uid": "E9"}, 2001),
        ({"connector_id": "9"}, 2001),
        ({"token": token(party_id="XYZ")}, 2001),
        ({"token": {"uid": "half a token"}}, 2001),
        ({"response_url": "https://elsewhere.example/results"}, 2001),
    ],
)
async def test_a_command_that_is_wrong_is_refused_and_has_no_result(
    changes: dict[str, Any], code: int
) -> None:
    """CMD-03, CMD-10, CMD-12, CMD-15."""
    async with world() as made:
        charger = await made.charger(settings=COMES)
        answer = await made.command("START_SESSION", START | changes)
        assert (answer.status, answer.code) == (200, code)
        await charger.until_told()
        assert made.hub.all("POST", "/results") == []
        assert charger.connector(1).id_tag is None


async def test_a_charge_point_that_is_away_cannot_be_commanded() -> None:
    async with world() as made:
        answer = await made.command("START_SESSION", START)
        assert answer.data["result"] == "REJECTED"
        assert answer.data["message"][0]["text"] == "the charge point is not connected"
        assert made.hub.all("POST", "/results") == []


@pytest.mark.holds("CMD-13", by="cpo")
async def test_sessions_of_others_and_of_nobody_cannot_be_stopped() -> None:
    """CMD-13."""
    async with world() as made:
        await made.charger(settings=COMES)
        session = await started(made)
        unknown = await made.command("STOP_SESSION", {"session_id": "no-such-session"})
        assert unknown.data["result"] == "UNKNOWN_SESSION"
        foreign = await made.command("STOP_SESSION", {"session_id": session["id"]}, sender="NL/XYZ")
        assert foreign.data["result"] == "REJECTED"
        assert made.cpo.sessions()[0].current["status"] == "ACTIVE"


async def test_a_session_that_is_over_cannot_be_stopped_again() -> None:
    async with world() as made:
        charger = await made.charger(settings=COMES)
        session = await started(made)
        charger.unplug(1)
        await made.cpo.until(lambda: made.cpo.sessions()[0].current["status"] == "COMPLETED")
        answer = await made.command("STOP_SESSION", {"session_id": session["id"]})
        assert answer.data["result"] == "REJECTED"


async def test_reservations_are_not_offered_at_an_evse_that_is_not_reservable() -> None:
    async with world() as made:
        await made.charger()
        wanted = START | {"reservation_id": "R1", "expiry_date": "2099-01-01T00:00:00Z"}
        assert (await made.command("RESERVE_NOW", wanted)).data["result"] == "NOT_SUPPORTED"


@pytest.mark.holds("CMD-21", by="cpo")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/DANCE", 404),
        ("GET", "/START_SESSION", 405),
        ("PUT", "/START_SESSION", 405),
        ("DELETE", "/START_SESSION", 405),
    ],
)
async def test_what_is_no_command_is_refused(method: str, path: str, status: int) -> None:
    """CMD-01, CMD-21."""
    async with world() as made:
        url = made.hub.far_end["commands", "RECEIVER"] + path
        answer = await made.hub.call(method, url, START, to=str(CPO), sender=EMSP)
        assert answer.status == status
        assert answer.envelope["status_code"] >= 2000


# Which EVSE is meant.


async def test_without_an_evse_the_only_free_one_is_meant() -> None:
    async with world() as made:
        first = await made.charger("CP1")
        second = await made.charger("CP2", COMES)
        either = await made.command("START_SESSION", START | {"evse_uid": None})
        assert either.data["result"] == "REJECTED"
        assert "evse_uid" in either.data["message"][0]["text"]
        first.break_down(1)
        await first.until_told()
        again = await made.command("START_SESSION", START | {"evse_uid": None})
        assert again.data["result"] == "ACCEPTED"
        assert await second.until_numbered(1) > 0


async def test_a_connector_that_is_named_is_the_one_that_starts() -> None:
    """CMD-17; one EVSE with two cables."""
    two = evse("E1", "CP1", connectors=[connector(), connector(id="2", ocpp_connector=2)])
    async with world(locations=[location("square", two)]) as made:
        charger = await made.charger(settings=ChargerSettings(connectors=2, car_comes_on_remote_start=True))
        session = await started(made, connector_id="2")
        assert session["connector_id"] == "2"
        assert charger.connector(2).id_tag is not None


# What the charge point says.


async def result_of(made: World, command: str, wanted: dict[str, Any]) -> str:
    answer = await made.command(command, wanted)
    assert answer.data["result"] == "ACCEPTED", answer.data
    value: str = (await made.result(command)).value["result"]
    return value


async def test_a_start_at_a_connector_in_use_is_rejected_as_occupied() -> None:
    async with world() as made:
        charger = await made.charger(settings=COMES)
        await started(made)
        made.hub.received.clear()
        other = token("OTHER", type="APP_USER")
        assert await result_of(made, "START_SESSION", START | {"token": other}) == "EVSE_OCCUPIED"
        assert charger.connector(1).id_tag != "OTHER"


async def test_a_start_at_a_broken_connector_is_rejected_as_inoperative() -> None:
    async with world() as made:
        charger = await made.charger(settings=COMES)
        charger.break_down(1)
        await charger.until_told()
        assert await result_of(made, "START_SESSION", START) == "EVSE_INOPERATIVE"


@pytest.mark.parametrize(
    ("unlock", "result"),
    [
        (Outcome.UNLOCKED, "ACCEPTED"),
        (Outcome.UNLOCK_FAILED, "FAILED"),
        (Outcome.NOT_SUPPORTED, "NOT_SUPPORTED"),
    ],
)
async def test_each_word_of_the_charge_point_about_unlocking_has_a_result(
    unlock: Outcome, result: str
) -> None:
    async with world() as made:
        await made.charger(settings=ChargerSettings(unlock=unlock))
        assert await result_of(made, "UNLOCK_CONNECTOR", PLACE | {"connector_id": "1"}) == result


async def test_somebody_elses_cable_is_not_unlocked() -> None:
    async with world() as made:
        await made.charger(settings=COMES)
        await started(made)
        answer = await made.command("UNLOCK_CONNECTOR", PLACE | {"connector_id": "1"}, sender="NL/XYZ")
        assert answer.data["result"] == "REJECTED"
        assert made.cpo.sessions()[0].current["status"] == "ACTIVE"


async def test_unlocking_ones_own_session_ends_it() -> None:
    async with world() as made:
        await made.charger(settings=COMES)
        await started(made)
        assert await result_of(made, "UNLOCK_CONNECTOR", PLACE | {"connector_id": "1"}) == "ACCEPTED"
        await made.cpo.until(lambda: made.cpo.sessions()[0].current["status"] == "COMPLETED")


async def test_a_result_that_nobody_takes_harms_nothing() -> None:
    """CMD-06: no retries."""
    async with world() as made:
        await made.charger(settings=COMES)
        made.hub.answers("POST", "/results", Fault.CLOSE)
        await made.command("START_SESSION", START)
        await made.hub.receives("PUT", "/receiver/sessions")
        assert (await made.command("STOP_SESSION", {"session_id": "x"})).data["result"] == "UNKNOWN_SESSION"
        assert len(made.hub.all("POST", "/results/START_SESSION")) == 1
