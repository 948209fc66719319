"""2.2.1, Commands, as the eMSP sends them: reservations to their end, and who may unlock."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from partners.emsp.driver import Driver
from partners.emsp.reservations import ReservationState, reservations
from schemas import exact_json
from schemas.v2_2_1 import CommandType
from tests.fixtures.clocks import Clock
from tests.fixtures.emsp_world import World, emsp_world, response_url
from tests.fixtures.recorder import Answered, Fault, Reply, to_json
from tests.fixtures.samples import location, session

COMMANDS = "/receiver/commands/"
UNTIL = datetime(2026, 1, 1, 13, tzinfo=UTC)
ACCEPTED = {"result": "ACCEPTED"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def world(clock: Clock) -> AsyncIterator[World]:
    async with emsp_world(clock=clock, settings={"call_timeout": timedelta(milliseconds=500)}) as world:
        await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location())
        await world.call("PUT", "sessions/receiver/BE/BEC/S1", session())
        yield world


@pytest.mark.holds("CMD-01", by="emsp")
async def test_each_command_goes_to_its_own_path_with_its_own_object(world: World) -> None:
    world.later(COMMANDS, ACCEPTED)
    driver, desk = world.node.driver, world.node.help_desk
    await driver.start("04A1B2C3", "LOC1", "E1", "1")
    await driver.stop("S1")
    reserved = await driver.reserve("04A1B2C3", "LOC1", UNTIL, "E1")
    assert reserved.reservation_id is not None
    await driver.cancel(reserved.reservation_id)
    await desk.unlock("LOC1", "E1", "1")
    posts = world.hub.all("POST", COMMANDS)
    assert all("response_url" in each.value for each in posts)
    sent = {each.path.rpartition("/")[2]: each.value.keys() - {"response_url"} for each in posts}
    reference = "authorization_reference"
    assert sent == {
        "START_SESSION": {"token", "location_id", "evse_uid", "connector_id", reference},
        "STOP_SESSION": {"session_id"},
        "RESERVE_NOW": {"token", "expiry_date", "reservation_id", "location_id", "evse_uid", reference},
        "CANCEL_RESERVATION": {"reservation_id"},
        "UNLOCK_CONNECTOR": {"location_id", "evse_uid", "connector_id"},
    }
    assert sent.keys() == set(CommandType)


@pytest.mark.holds("CMD-15", by="emsp")
async def test_a_command_carries_a_token_of_ours_that_is_authorized_already(world: World) -> None:
    world.later(COMMANDS, ACCEPTED)
    await world.node.driver.start("app-1", "LOC1")
    await world.node.driver.reserve("app-1", "LOC1", UNTIL)
    for each in world.hub.all("POST", COMMANDS):
        assert each.value["token"] == world.node.tokens.get("app-1", "APP_USER").to_wire()
        assert 0 < len(each.value["authorization_reference"]) <= 36


@pytest.mark.holds("CMD-20", by="emsp")
async def test_a_driver_cannot_unlock_a_connector(world: World) -> None:
    """What a driver can do starts none; it is the help desk's alone, at a place of its own."""
    driver = world.node.driver
    offered = {name for name in dir(Driver) if not name.startswith("_")}
    assert offered == {"start", "stop", "reserve", "cancel", *Driver.__slots__}
    world.later(COMMANDS, ACCEPTED)
    await driver.start("04A1B2C3", "LOC1")
    await driver.stop("S1")
    reserved = await driver.reserve("04A1B2C3", "LOC1", UNTIL)
    await driver.cancel(reserved.reservation_id or "")
    assert world.hub.all("POST", "UNLOCK_CONNECTOR") == []
    body = {"location": "LOC1", "evse": "E1", "connector": "1"}
    assert (await admin(world, "POST", "/unlock", body)).status == 404
    assert (await admin(world, "POST", "/help-desk/unlock", body)).envelope["accepted"]


async def admin(world: World, method: str, path: str, *value: Any) -> Answered:
    bearer = {"Authorization": f"Bearer {world.node.admin_key}"}
    return await world.hub.call(method, f"{world.node.admin_url}/node{path}", *value, headers=bearer)


@pytest.mark.holds("CMD-06", "TR-31", by="emsp")
@pytest.mark.parametrize("reply", [Reply({"result": "ACCEPTED", "timeout": 0}), Fault.HANG, Fault.CLOSE])
async def test_a_command_without_a_result_is_lost_and_not_sent_again(
    world: World, reply: Reply | Fault
) -> None:
    """Also when the CPO can be reached again."""
    world.hub.answers("POST", COMMANDS, reply, times=1)
    answer = await admin(world, "POST", "/sessions", {"token": "04A1B2C3", "location": "LOC1"})
    assert not answer.envelope.get("accepted")
    await world.hub_tells("BE/BEC", status="OFFLINE")
    await world.hub_tells("BE/BEC")
    await world.node.pull_changes()
    assert len(world.hub.all("POST", COMMANDS)) == 1


class TestReservations:
    """How a reservation stands, from what was said of it."""

    async def made(self, world: World, *results: str) -> str:
        world.later(COMMANDS, *[{"result": each} for each in results], timeout=5 if results else 0)
        reserved = await world.node.driver.reserve("04A1B2C3", "LOC1", UNTIL, "E1")
        assert reserved.reservation_id is not None
        return reserved.reservation_id

    def state(self, world: World, clock: Clock) -> ReservationState:
        (found,) = reservations(world.node.commands.all(), clock())
        assert (str(found.cpo), found.location_id, found.evse_uid) == ("BE/BEC", "LOC1", "E1")
        return found.state

    @pytest.mark.parametrize(
        ("results", "state"),
        [
            ([], ReservationState.ASKED),
            (["ACCEPTED"], ReservationState.HELD),
            (["EVSE_OCCUPIED"], ReservationState.REFUSED),
            (["TIMEOUT"], ReservationState.REFUSED),
            (["TIMEOUT", "ACCEPTED"], ReservationState.HELD),
        ],
    )
    async def test_it_stands_as_the_charge_point_said_last(
        self, world: World, clock: Clock, results: list[str], state: ReservationState
    ) -> None:
        await self.made(world, *results)
        assert self.state(world, clock) is state

    @pytest.mark.holds("CMD-09", by="emsp")
    async def test_the_cpo_may_take_it_back_on_the_url_that_was_used_before(
        self, world: World, clock: Clock
    ) -> None:
        await self.made(world, "ACCEPTED")
        (post,) = world.hub.all("POST", "RESERVE_NOW")
        clock.passes(minutes=30)
        canceled = {"result": "CANCELED_RESERVATION"}
        answer = await world.hub.call("POST", response_url(post), canceled, to="NL/EMA", sender="BE/BEC")
        assert (answer.status, answer.code) == (200, 1000)
        assert self.state(world, clock) is ReservationState.CANCELED

    async def test_we_may_give_it_up(self, world: World, clock: Clock) -> None:
        reservation_id = await self.made(world, "ACCEPTED")
        await world.node.driver.cancel(reservation_id)
        assert self.state(world, clock) is ReservationState.GIVEN_UP

    @pytest.mark.holds("TR-31", by="emsp")
    @pytest.mark.parametrize(
        ("reply", "state", "reason"),
        [
            (
                Fault.CLOSE,
                ReservationState.FAILED,
                "its answer did not arrive whole, and it may have received",
            ),
            (Fault.HANG, ReservationState.FAILED, "it did not answer in time, and may have received"),
            (
                Reply(status_code=4003, status_message="BE/BEC is away"),
                ReservationState.FAILED,
                "the platform refused: HTTP 200, OCPI 4003: BE/BEC is away",
            ),
            (Reply({"result": "REJECTED", "timeout": 0}), ReservationState.REFUSED, "REJECTED"),
            (Reply({"result": "NOT_SUPPORTED", "timeout": 0}), ReservationState.REFUSED, "NOT_SUPPORTED"),
        ],
    )
    async def test_what_did_not_get_through_has_failed_and_says_why(
        self, world: World, clock: Clock, reply: Reply | Fault, state: ReservationState, reason: str
    ) -> None:
        """No class of Python is named, nothing is sent again, and it is not asked for any more."""
        world.hub.answers("POST", COMMANDS, reply, times=1)
        body = {"token": "04A1B2C3", "location": "LOC1", "until": "2026-01-01T13:00:00Z", "evse": "E1"}
        answer = await admin(world, "POST", "/reservations", body)
        assert answer.status == (502 if state is ReservationState.FAILED else 200)
        assert self.state(world, clock) is state
        (shown,) = (await admin(world, "GET", "/reservations")).envelope
        assert shown["state"] == state.value
        assert reason in shown["reason"]
        assert len(world.hub.all("POST", COMMANDS)) == 1
        if state is ReservationState.FAILED:
            assert answer.envelope["error"] == shown["reason"]
        clock.passes(hours=1)
        assert self.state(world, clock) is state

    async def test_while_the_hub_is_away_it_fails_at_once(self, world: World, clock: Clock) -> None:
        await world.hub.go_away()
        body = {"token": "04A1B2C3", "location": "LOC1", "until": "2026-01-01T13:00:00Z", "evse": "E1"}
        bearer = {"Authorization": f"Bearer {world.node.admin_key}"}
        async with aiohttp.ClientSession(headers=bearer) as session:
            url = f"{world.node.admin_url}/node/reservations"
            async with session.post(url, data=to_json(body)) as answer:
                assert answer.status == 502
                told = exact_json.decode(await answer.read())["error"]
        assert re.match(r"the platform: (it cannot be reached|its answer did not arrive whole), ", told)
        assert self.state(world, clock) is ReservationState.FAILED

    async def test_a_result_that_comes_all_the_same_counts(self, world: World, clock: Clock) -> None:
        """AM-40: no answer is no refusal; the charge point may hold it."""
        world.hub.answers("POST", COMMANDS, Fault.CLOSE, times=1)
        body = {"token": "04A1B2C3", "location": "LOC1", "until": "2026-01-01T13:00:00Z", "evse": "E1"}
        await admin(world, "POST", "/reservations", body)
        assert self.state(world, clock) is ReservationState.FAILED
        (post,) = world.hub.all("POST", "RESERVE_NOW")
        await world.hub.call("POST", response_url(post), ACCEPTED, to="NL/EMA", sender="BE/BEC")
        assert self.state(world, clock) is ReservationState.HELD

    async def test_one_of_which_nothing_was_heard_is_over_with_its_time(
        self, world: World, clock: Clock
    ) -> None:
        await self.made(world)
        clock.passes(hours=1)
        assert self.state(world, clock) is ReservationState.EXPIRED

    async def test_giving_up_that_is_refused_leaves_it(self, world: World, clock: Clock) -> None:
        reservation_id = await self.made(world, "ACCEPTED")
        world.later(COMMANDS, {"result": "UNKNOWN_RESERVATION"})
        assert not (await world.node.driver.cancel(reservation_id)).is_accepted
        assert self.state(world, clock) is ReservationState.HELD

    async def test_it_ends_with_its_time(self, world: World, clock: Clock) -> None:
        await self.made(world, "ACCEPTED")
        clock.passes(hours=1)
        assert self.state(world, clock) is ReservationState.EXPIRED

    @pytest.mark.holds("AM-23", by="emsp")
    @pytest.mark.parametrize("spelled", ["RESERVATION", "RESERVED"])
    async def test_its_session_is_taken_with_or_without_an_evse(self, world: World, spelled: str) -> None:
        value = session(id="S2", status=spelled, evse_uid="#NA", connector_id="#NA")
        assert (await world.call("PUT", "sessions/receiver/BE/BEC/S2", value)).status == 201
        assert world.node.sessions()[-1].status == "RESERVATION"
