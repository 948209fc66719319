"""Commands to charge points, and every way in which they may end."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from partners.cpo.stations.central_system import CentralSystem, CentralSystemSettings
from partners.cpo.stations.remote_outcome import RemoteOutcome
from partners.ocpp.errors import CallRefused
from partners.ocpp.link import NoAnswer, NotConnected, Refused
from partners.ocpp.payloads import check_result
from partners.ocpp.versions import Version
from tests.unit.partners.ocpp_world import CpoNode, RawChargePoint, cpo_node, patiently, raw_charge_point

IMPATIENT = CentralSystemSettings(answer_within=timedelta(milliseconds=500))

Command = Callable[[CentralSystem], Coroutine[Any, Any, RemoteOutcome]]


def start(central: CentralSystem) -> Coroutine[Any, Any, RemoteOutcome]:
    return central.remote_start("CP001", 2, "TAG")


def stop(central: CentralSystem) -> Coroutine[Any, Any, RemoteOutcome]:
    return central.remote_stop("CP001", 17)


def unlock(central: CentralSystem) -> Coroutine[Any, Any, RemoteOutcome]:
    return central.unlock("CP001", 2)


async def outcome(
    node: CpoNode, charger: RawChargePoint, command: Command, *answer: Any
) -> tuple[list[Any], RemoteOutcome]:
    """What the charge point heard, and what became of the command after it had answered."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(patiently(command(node.central)))
        heard = await charger.hear()
        await charger.say(answer[0], heard[1], *answer[1:])
    return heard, running.result()


def is_said_to(action: str, answer: tuple[Any, ...]) -> bool:
    if answer[0] != 3:
        return True
    try:
        check_result(Version.V1_6, action, answer[1])
    except CallRefused:
        return False
    return True


@pytest.mark.parametrize(
    ("command", "frame"),
    [
        (start, ["RemoteStartTransaction", {"connectorId": 2, "idTag": "TAG"}]),
        (stop, ["RemoteStopTransaction", {"transactionId": 17}]),
        (unlock, ["UnlockConnector", {"connectorId": 2}]),
    ],
)
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((3, {"status": "Accepted"}), RemoteOutcome.ACCEPTED),
        ((3, {"status": "Unlocked"}), RemoteOutcome.ACCEPTED),
        ((3, {"status": "Rejected"}), RemoteOutcome.REJECTED),
        ((3, {"status": "UnlockFailed"}), RemoteOutcome.FAILED),
        ((3, {"status": "NotSupported"}), RemoteOutcome.NOT_SUPPORTED),
        ((3, {"status": "Perhaps"}), RemoteOutcome.FAILED),
        ((3, {}), RemoteOutcome.FAILED),
        ((4, "NotSupported", "", {}), RemoteOutcome.NOT_SUPPORTED),
        ((4, "NotImplemented", "", {}), RemoteOutcome.NOT_SUPPORTED),
        ((4, "InternalError", "", {}), RemoteOutcome.FAILED),
        ((4, "NoSuchCode", "", {}), RemoteOutcome.FAILED),
        ((4, "GenericError"), RemoteOutcome.FAILED),
    ],
)
async def test_the_charge_points_word_is_the_outcome(
    command: Command, frame: list[Any], answer: tuple[Any, ...], expected: RemoteOutcome
) -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        await node.cpo.until_told("connected")
        heard, became = await outcome(node, charger, command, *answer)
    assert (heard[0], heard[2:]) == (2, frame)
    # The word of another answer is as good as none.
    assert became is (expected if is_said_to(frame[0], answer) else RemoteOutcome.FAILED)


async def test_a_start_without_a_connector_leaves_the_choice_to_the_charge_point() -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        await node.cpo.until_told("connected")
        heard, _ = await outcome(
            node,
            charger,
            lambda central: central.remote_start("CP001", None, "TAG"),
            3,
            {"status": "Accepted"},
        )
    assert heard[3] == {"idTag": "TAG"}


@pytest.mark.parametrize("command", [start, stop, unlock])
async def test_without_a_link_nothing_is_sent(command: Command) -> None:
    async with cpo_node() as node:
        assert await command(node.central) is RemoteOutcome.NOT_CONNECTED
        async with raw_charge_point(node.url()):
            await node.cpo.until_told("connected")
        await node.cpo.until_told("disconnected")
        assert await command(node.central) is RemoteOutcome.NOT_CONNECTED


async def test_a_charge_point_that_does_not_answer_has_timed_out_and_its_late_answer_harms_nobody() -> None:
    async with cpo_node(IMPATIENT) as node, raw_charge_point(node.url()) as charger:
        await node.cpo.until_told("connected")
        assert await start(node.central) is RemoteOutcome.TIMED_OUT
        await charger.say(3, (await charger.hear())[1], {"status": "Rejected"})
        _, became = await outcome(node, charger, unlock, 3, {"status": "Unlocked"})
    assert became is RemoteOutcome.ACCEPTED


async def test_a_link_lost_after_sending_has_timed_out_at_once() -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        await node.cpo.until_told("connected")
        async with asyncio.TaskGroup() as group:
            running = group.create_task(patiently(start(node.central)))
            await charger.hear()
            await charger.websocket.close()
        assert running.result() is RemoteOutcome.TIMED_OUT


async def test_a_question_to_the_old_socket_is_over_when_the_newest_wins() -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as old:
        await node.cpo.until_told("connected")
        async with asyncio.TaskGroup() as group:
            running = group.create_task(patiently(start(node.central)))
            await old.hear()
            async with raw_charge_point(node.url()):
                assert await running is RemoteOutcome.TIMED_OUT


async def test_a_charge_point_is_asked_one_thing_at_a_time_in_order() -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        await node.cpo.until_told("connected")
        async with asyncio.TaskGroup() as group:
            first = group.create_task(patiently(start(node.central)))
            heard = await charger.hear()
            second = group.create_task(patiently(unlock(node.central)))
            # Answers to its own calls come, and nothing before them.
            assert (await charger.ask("h", "Heartbeat", {}))[:2] == [3, "h"]
            await charger.say(3, heard[1], {"status": "Accepted"})
            heard = await charger.hear()
            assert heard[2] == "UnlockConnector"
            await charger.say(3, heard[1], {"status": "Unlocked"})
        assert (first.result(), second.result()) == (RemoteOutcome.ACCEPTED, RemoteOutcome.ACCEPTED)


async def test_a_call_whose_time_is_over_before_its_turn_is_never_sent() -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        await node.cpo.until_told("connected")
        link = node.central._stations["CP001"].link
        assert link is not None
        async with asyncio.TaskGroup() as group:
            first = group.create_task(patiently(start(node.central)))
            heard = await charger.hear()
            with pytest.raises(NoAnswer):
                await link.ask("ClearCache", {}, within=0.05)
            third = group.create_task(patiently(unlock(node.central)))
            await charger.say(3, heard[1], {"status": "Accepted"})
            heard = await charger.hear()
            assert heard[2] == "UnlockConnector"
            await charger.say(3, heard[1], {"status": "Unlocked"})
        assert (first.result(), third.result()) == (RemoteOutcome.ACCEPTED, RemoteOutcome.ACCEPTED)


async def test_an_answer_is_taken_while_a_callback_of_the_same_charge_point_takes_its_time() -> None:
    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        node.cpo.holds["authorize"] = asyncio.Event()
        await charger.say(2, "1", "Authorize", {"idTag": "TAG"})
        await node.cpo.until_told("authorize")
        _, became = await outcome(node, charger, unlock, 3, {"status": "Unlocked"})
        assert became is RemoteOutcome.ACCEPTED
        node.cpo.holds["authorize"].set()
        assert (await charger.hear())[:2] == [3, "1"]


async def test_any_other_call_fails_by_type() -> None:
    async with cpo_node(IMPATIENT) as node:
        with pytest.raises(NotConnected):
            await node.central.ask("CP001", "ClearCache", {})
        async with raw_charge_point(node.url()):
            await node.cpo.until_told("connected")
            with pytest.raises(NoAnswer):
                await node.central.ask("CP001", "ClearCache", {})


async def test_a_callerror_to_any_other_call_is_told_by_its_code() -> None:
    async def asking(central: CentralSystem) -> RemoteOutcome:
        with pytest.raises(Refused) as refused:
            await central.ask("CP001", "ClearCache", {})
        assert refused.value.code == "SecurityError"
        return RemoteOutcome.FAILED

    async with cpo_node() as node, raw_charge_point(node.url()) as charger:
        await node.cpo.until_told("connected")
        heard, _ = await outcome(node, charger, asking, 4, "SecurityError", "no", {})
    assert heard[2:] == ["ClearCache", {}]
