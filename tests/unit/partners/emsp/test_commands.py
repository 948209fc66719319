"""Commands to CPOs: CMD-01 to CMD-21, seen from the CPO; and what a driver may ask for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.ocpi.client import PeerOffers, PeerRefused
from hub.ocpi.party import Party
from hub.ocpi.transport import CallFailed
from partners.administration import NotPossible
from partners.emsp.authorization import EVERYWHERE, Standing
from partners.emsp.commands import Outcome
from partners.emsp.locations import UnknownPlace
from partners.emsp.tokens import UnknownToken
from partners.link import PartyNotConnected
from schemas.v2_2_1 import AllowedType, CommandResultType, CommandType
from tests.fixtures.emsp_world import RFID, World, emsp_world
from tests.fixtures.recorder import Answered, Fault, Received, Reply
from tests.fixtures.samples import client_info, evse, location, session

ACCEPTED = Reply({"result": "ACCEPTED", "timeout": 5})
AT_ONCE = Reply({"result": "ACCEPTED", "timeout": 0})
COMMANDS = "/receiver/commands/"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with emsp_world(settings={"call_timeout": timedelta(seconds=1)}) as world:
        await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location())
        yield world


def the_charger_says(world: World, *results: str, wrapped: bool = False) -> list[Answered]:
    """Let the CPO accept each command and then send these results, in the name of BE/BEC."""
    answers: list[Answered] = []

    async def call_back(received: Received) -> Reply:
        for result in results:
            value: dict[str, Any] = {"result": result}
            if wrapped:
                value = {"data": value, "status_code": 1000, "timestamp": "2026-01-01T00:00:00Z"}
            answers.append(await call_back_with(world, received, value))
        return ACCEPTED

    world.hub.answers("POST", COMMANDS, call_back)
    return answers


async def call_back_with(world: World, received: Received, value: Any, sender: str = "BE/BEC") -> Answered:
    url = received.value["response_url"]
    return await world.hub.call("POST", url, value, to="NL/EMA", sender=sender)


@pytest.mark.holds("CMD-01", "CMD-15", by="emsp")
async def test_start_session_goes_to_the_cpo_with_the_whole_token(world: World) -> None:
    """CMD-01, CMD-15, SES-12."""
    the_charger_says(world, "ACCEPTED")
    started = await world.node.start_session("04A1B2C3", "LOC1", "E1", "1")
    (post,) = world.hub.all("POST", COMMANDS)
    assert post.path == "/partner/2.2.1/receiver/commands/START_SESSION"
    assert (post.to, post.sender) == ("BE/BEC", "NL/EMA")
    value = post.value
    assert value.pop("response_url").startswith(world.node.url + "/")
    assert value == {
        "token": world.node.tokens.get("04A1B2C3").to_wire(),
        "location_id": "LOC1",
        "evse_uid": "E1",
        "connector_id": "1",
        "authorization_reference": started.authorization_reference,
    }
    assert started.outcome.is_accepted


@pytest.mark.holds("TR-10", by="emsp")
async def test_a_result_is_answered_without_data(world: World) -> None:
    """CMD-04."""
    answers = the_charger_says(world, "ACCEPTED")
    await world.node.start_session("04A1B2C3", "LOC1")
    (answer,) = answers
    assert (answer.status, answer.code) == (200, 1000)
    assert "data" not in answer.envelope
    assert (answer.to, answer.sender) == ("BE/BEC", "NL/EMA")


async def test_response_urls_cannot_be_guessed_and_differ(world: World) -> None:
    the_charger_says(world, "ACCEPTED")
    for _ in range(2):
        await world.node.start_session("04A1B2C3", "LOC1")
    urls = {post.value["response_url"] for post in world.hub.all("POST", COMMANDS)}
    assert len(urls) == 2
    assert all(len(url) <= 255 and len(url.rpartition("/")[2]) == 36 for url in urls)


@pytest.mark.holds("AM-11", by="emsp")
async def test_a_wrapped_result_is_understood(world: World) -> None:
    """AM-11."""
    answers = the_charger_says(world, "EVSE_OCCUPIED", wrapped=True)
    started = await world.node.start_session("04A1B2C3", "LOC1")
    assert answers[0].code == 1000
    assert started.outcome.result == CommandResultType.EVSE_OCCUPIED


@pytest.mark.parametrize("result", list(CommandResultType))
async def test_every_result_is_told(world: World, result: CommandResultType) -> None:
    the_charger_says(world, result)
    outcome = (await world.node.start_session("04A1B2C3", "LOC1")).outcome
    assert outcome.result == result
    assert outcome.is_accepted == (result == CommandResultType.ACCEPTED)


@pytest.mark.parametrize("response", ["REJECTED", "NOT_SUPPORTED", "UNKNOWN_SESSION"])
async def test_without_acceptance_nothing_is_waited_for(world: World, response: str) -> None:
    """CMD-02, CMD-03."""
    world.hub.answers("POST", COMMANDS, Reply({"result": response, "timeout": 30}))
    outcome = (await world.node.start_session("04A1B2C3", "LOC1")).outcome
    assert (outcome.result, outcome.is_accepted) == (None, False)
    assert outcome.command.response is not None
    assert outcome.command.response.result == response


@pytest.mark.holds("CMD-06", "AM-40", by="emsp")
async def test_no_result_in_time_is_a_timeout_and_a_late_one_is_kept(world: World) -> None:
    """CMD-06, AM-40."""
    world.hub.answers("POST", COMMANDS, AT_ONCE)
    outcome = (await world.node.start_session("04A1B2C3", "LOC1")).outcome
    assert outcome.result == CommandResultType.TIMEOUT
    assert outcome.command.results == ()
    (post,) = world.hub.all("POST", COMMANDS)
    assert (await call_back_with(world, post, {"result": "ACCEPTED"})).code == 1000
    assert world.node.commands.get(outcome.command.id).result == CommandResultType.ACCEPTED


async def test_a_result_that_comes_after_the_answer_is_waited_for(world: World) -> None:
    world.hub.answers("POST", COMMANDS, ACCEPTED)
    async with asyncio.TaskGroup() as tasks:
        started = tasks.create_task(world.node.start_session("04A1B2C3", "LOC1"))
        post = await world.hub.receives("POST", COMMANDS)
        await world.node.until(lambda: world.node.commands.all()[0].response)
        await call_back_with(world, post, {"result": "FAILED"})
    assert started.result().outcome.result == CommandResultType.FAILED


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(status_code=2003, status_message="unknown location"), PeerRefused),
        (Reply(status_code=4002, status_message="the CPO timed out"), PeerRefused),
        (Reply(status_code=4003), PeerRefused),
        (Reply({"result": "ACCEPTED"}), PeerOffers),
        (Reply("ACCEPTED"), PeerOffers),
        (Fault.HANG, CallFailed),
        (Fault.CLOSE, CallFailed),
        (Fault.HTML, PeerRefused),
        (Fault.SERVER_ERROR, PeerRefused),
        (Fault.REDIRECT, PeerRefused),
    ],
)
@pytest.mark.holds("TR-31", by="emsp")
async def test_a_command_that_is_not_answered_well_failed_and_says_why(
    world: World, reply: Reply | Fault, expected: type[Exception]
) -> None:
    """CMD-12, TR-31: it is not sent again, and it is remembered with its failure."""
    world.hub.answers("POST", COMMANDS, reply)
    with pytest.raises(expected):
        await world.node.start_session("04A1B2C3", "LOC1")
    (command,) = world.node.commands.all()
    assert command.failure
    assert command.response is None
    assert len(world.hub.all("POST", COMMANDS)) == 1


async def test_a_late_result_of_a_command_that_failed_is_kept(world: World) -> None:
    """CMD-11: the hub answered 4002, the charger started all the same."""
    world.hub.answers("POST", COMMANDS, Reply(status_code=4002))
    with pytest.raises(PeerRefused):
        await world.node.start_session("04A1B2C3", "LOC1")
    (post,) = world.hub.all("POST", COMMANDS)
    assert (await call_back_with(world, post, {"result": "ACCEPTED"})).code == 1000
    assert world.node.commands.all()[0].result == CommandResultType.ACCEPTED


async def test_somebody_else_cannot_answer(world: World) -> None:
    the_charger_says(world, "ACCEPTED")
    await world.node.start_session("04A1B2C3", "LOC1")
    (post,) = world.hub.all("POST", COMMANDS)
    foreign = await call_back_with(world, post, {"result": "FAILED"}, sender="DE/XXX")
    assert foreign.status == 404
    url = post.value["response_url"]
    assert (await world.hub.call("POST", url + "x", {"result": "FAILED"}, sender="BE/BEC")).status == 404
    assert (await world.hub.call("POST", url, {"result": "FAILED"}, token=None)).status == 401
    assert world.node.commands.all()[0].result == CommandResultType.ACCEPTED


@pytest.mark.parametrize("value", [{}, {"result": 7}, [], {"data": {}, "status_code": 1000}])
async def test_a_result_that_is_none_is_2001(world: World, value: Any) -> None:
    the_charger_says(world, "ACCEPTED")
    await world.node.start_session("04A1B2C3", "LOC1")
    answer = await call_back_with(world, world.hub.all("POST", COMMANDS)[0], value)
    assert (answer.status, answer.code) == (200, 2001)


@pytest.mark.holds("CMD-21", by="emsp")
async def test_other_methods_on_a_response_url_are_405(world: World) -> None:
    """CMD-21."""
    the_charger_says(world, "ACCEPTED")
    await world.node.start_session("04A1B2C3", "LOC1")
    url = world.hub.all("POST", COMMANDS)[0].value["response_url"]
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert (await world.hub.call(method, url)).status == 405


@pytest.mark.holds("AM-40", by="emsp")
async def test_the_session_of_a_command_is_known_by_its_reference(world: World) -> None:
    """AM-40: although the command timed out."""
    world.hub.answers("POST", COMMANDS, AT_ONCE)
    started = await world.node.start_session("04A1B2C3", "LOC1")
    reference = started.authorization_reference
    value = session(authorization_reference=reference, auth_method="COMMAND")
    await world.call("PUT", "sessions/receiver/BE/BEC/S1", value)
    (found,) = world.node.charging.with_reference(reference)
    assert found.id == "S1"


async def test_stop_session_goes_to_the_cpo_of_the_session(world: World) -> None:
    """CMD-13."""
    await world.call("PUT", "sessions/receiver/BE/BEC/S1", session())
    the_charger_says(world, "ACCEPTED")
    assert (await world.node.stop_session("S1")).is_accepted
    (post,) = world.hub.all("POST", COMMANDS)
    assert post.path.endswith("/STOP_SESSION")
    assert post.to == "BE/BEC"
    assert post.value["session_id"] == "S1"


async def test_unlock_goes_to_the_cpo_of_the_location(world: World) -> None:
    the_charger_says(world, "ACCEPTED")
    assert (await world.node.help_desk.unlock("LOC1", "E1", "1")).is_accepted
    (post,) = world.hub.all("POST", COMMANDS)
    assert post.path.endswith("/UNLOCK_CONNECTOR")
    del post.value["response_url"]
    assert {name: post.value[name] for name in ("location_id", "evse_uid", "connector_id")} == {
        "location_id": "LOC1",
        "evse_uid": "E1",
        "connector_id": "1",
    }


class TestReservations:
    expiry = datetime(2026, 1, 1, 13, tzinfo=UTC)

    async def test_a_reservation_can_be_given_up(self, world: World) -> None:
        """CMD-18: the same id goes to the same CPO."""
        the_charger_says(world, "ACCEPTED")
        reserved = await world.node.driver.reserve("04A1B2C3", "LOC1", self.expiry, "E1")
        assert reserved.reservation_id is not None
        assert (await world.node.driver.cancel(reserved.reservation_id)).is_accepted
        first, second = world.hub.all("POST", COMMANDS)
        assert first.path.endswith("/RESERVE_NOW")
        assert first.value["expiry_date"] == "2026-01-01T13:00:00Z"
        assert second.path.endswith("/CANCEL_RESERVATION")
        assert second.to == "BE/BEC"
        assert first.value["reservation_id"] == second.value["reservation_id"]

    async def test_a_cpo_may_take_it_back_later_on_the_same_url(self, world: World) -> None:
        """CMD-09."""
        the_charger_says(world, "ACCEPTED")
        reserved = await world.node.driver.reserve("04A1B2C3", "LOC1", self.expiry)
        post = world.hub.all("POST", COMMANDS)[0]
        assert (await call_back_with(world, post, {"result": "CANCELED_RESERVATION"})).code == 1000
        command = world.node.commands.get(reserved.outcome.command.id)
        assert [each.result for each in command.results] == ["ACCEPTED", "CANCELED_RESERVATION"]

    async def test_only_our_own_reservations_can_be_given_up(self, world: World) -> None:
        with pytest.raises(NotPossible):
            await world.node.driver.cancel("somebody's")
        assert world.hub.all("POST", COMMANDS) == []


Attempt = Callable[[World], Awaitable[object]]


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (lambda w: w.node.start_session("who", "LOC1"), UnknownToken),
        (lambda w: w.node.start_session("04A1B2C3", "LOC9"), UnknownPlace),
        (lambda w: w.node.start_session("04A1B2C3", "LOC1", "E9"), UnknownPlace),
        (lambda w: w.node.start_session("04A1B2C3", "LOC1", "E1", "9"), UnknownPlace),
        (lambda w: w.node.start_session("04A1B2C3", "LOC1", None, "1"), NotPossible),
        (lambda w: w.node.start_session("04A1B2C3", "LOC1", owner=Party("DE", "XXX")), UnknownPlace),
        (lambda w: w.node.stop_session("S9"), NotPossible),
        (lambda w: w.node.help_desk.unlock("LOC1", "E1", "9"), UnknownPlace),
        (lambda w: w.node.driver.reserve("04A1B2C3", "LOC1", datetime.now(UTC), "E9"), UnknownPlace),
    ],
)
@pytest.mark.holds("CMD-17", by="emsp")
async def test_what_does_not_exist_is_not_asked_for(
    world: World, attempt: Attempt, expected: type[Exception]
) -> None:
    """CMD-17."""
    with pytest.raises(expected):
        await attempt(world)
    assert world.hub.all("POST", COMMANDS) == []


@pytest.mark.parametrize("allowed", [AllowedType.NO_CREDIT, AllowedType.EXPIRED])
@pytest.mark.holds("CMD-15", by="emsp")
async def test_a_token_that_would_be_refused_starts_nothing(world: World, allowed: AllowedType) -> None:
    """CMD-15: a command is an authorization."""
    world.node.tokens.issue(RFID, Standing(allowed))
    with pytest.raises(NotPossible, match=allowed):
        await world.node.start_session("04A1B2C3", "LOC1")
    assert world.hub.all("POST", COMMANDS) == []


@pytest.mark.holds("CMD-17", by="emsp")
async def test_an_evse_that_wants_to_know_the_connector_is_told(world: World) -> None:
    """CMD-17."""
    wants = evse(capabilities=["START_SESSION_CONNECTOR_REQUIRED"])
    await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location(evses=[wants]))
    with pytest.raises(NotPossible, match="connector"):
        await world.node.start_session("04A1B2C3", "LOC1", "E1")


@pytest.mark.holds("AM-28", by="emsp")
async def test_two_cpos_with_the_same_ids_are_told_apart_by_their_names(world: World) -> None:
    """AM-28: never guessed."""
    other = location(party_id="XXX")
    await world.call("PUT", "locations/receiver/BE/XXX/LOC1", other, sender="BE/XXX")
    with pytest.raises(UnknownPlace, match="BE/XXX"):
        await world.node.start_session("04A1B2C3", "LOC1")
    the_charger_says(world, "ACCEPTED")
    world.hub.answers("POST", COMMANDS, AT_ONCE)
    await world.node.start_session("04A1B2C3", "LOC1", owner=Party("BE", "XXX"))
    assert world.hub.all("POST", COMMANDS)[0].to == "BE/XXX"


async def test_a_session_that_has_ended_cannot_be_stopped(world: World) -> None:
    await world.call("PUT", "sessions/receiver/BE/BEC/S1", session(status="COMPLETED"))
    with pytest.raises(NotPossible, match="COMPLETED"):
        await world.node.stop_session("S1")


@pytest.mark.holds("HCI-12", by="emsp")
async def test_no_command_goes_to_a_cpo_that_is_offline(world: World) -> None:
    """HCI-12: and the command says so."""
    info = client_info(status="OFFLINE")
    await world.call("PUT", "hubclientinfo/receiver/BE/BEC", info)
    with pytest.raises(PartyNotConnected):
        await world.node.start_session("04A1B2C3", "LOC1")
    assert world.hub.all("POST", COMMANDS) == []
    assert "OFFLINE" in (world.node.commands.all()[0].failure or "")


async def test_commands_and_their_urls_survive_a_restart(tmp_path: Any) -> None:
    """CMD-09: a reservation is taken back after the eMSP was restarted."""
    settings = {"database": tmp_path / "emsp.sqlite"}
    async with emsp_world(settings=settings) as world:
        await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location())
        the_charger_says(world, "ACCEPTED")
        outcome: Outcome = (await world.node.start_session("04A1B2C3", "LOC1")).outcome
        url = world.hub.all("POST", COMMANDS)[0].value["response_url"].removeprefix(world.node.url)
    tokens = [(RFID, EVERYWHERE)]
    async with emsp_world(settings=settings, tokens=tokens) as world:
        answer = await world.hub.call(
            "POST", world.node.url + url, {"result": "CANCELED_RESERVATION"}, sender="BE/BEC"
        )
        assert answer.code == 1000
        command = world.node.commands.get(outcome.command.id)
        assert command.type is CommandType.START_SESSION
        assert len(command.results) == 2
