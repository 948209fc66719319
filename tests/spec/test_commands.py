"""Commands through the hub; the result that comes, comes late, or does not come (2.2.1, chapter Commands)."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from hub.ocpi.timestamps import utc_now
from hub.settings import Settings
from hub.store.database import opened
from hub.web.app import running_hub
from schemas.v2_2_1 import CommandResult
from tests.fixtures.callbacks import Asked, Callbacks, accepted, callbacks, impatient
from tests.fixtures.databases import DATABASE, copied
from tests.fixtures.recorder import Fault, Received, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, OTHER_EMSP, Roaming, joined, settings
from tests.fixtures.samples import token
from tests.fixtures.waiting import soon

TOKEN = token(country_code="NL", party_id="TNM")
COMMANDS: dict[str, dict[str, Any]] = {
    "START_SESSION": {"token": TOKEN, "location_id": "LOC1", "evse_uid": "3256", "connector_id": "1"},
    "STOP_SESSION": {"session_id": "S1"},
    "RESERVE_NOW": {
        "token": TOKEN,
        "expiry_date": "2030-01-01T00:00:00Z",
        "reservation_id": "R1",
        "location_id": "LOC1",
    },
    "CANCEL_RESERVATION": {"reservation_id": "R1"},
    "UNLOCK_CONNECTOR": {"location_id": "LOC1", "evse_uid": "3256", "connector_id": "1"},
}
START, STOP = COMMANDS["START_SESSION"], COMMANDS["STOP_SESSION"]
DONE = {"result": "ACCEPTED"}


@pytest.fixture
async def on(tmp_path: Path) -> AsyncIterator[Callbacks]:
    async with callbacks(tmp_path) as made:
        yield made


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncIterator[Callbacks]:
    """A hub that waits as long as hubs do."""
    async with callbacks(tmp_path, settings(tmp_path)) as made:
        yield made


@pytest.mark.holds(
    "CMD-01", "CMD-02", "CMD-04", "CMD-05", "CMD-07", "CMD-08", "AM-10", "AM-11", "AM-46", by="hub"
)
@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_goes_out_and_its_result_comes_back(patient: Callbacks, command: str) -> None:
    patient.cpo.answers("POST", "/commands/", accepted(30))
    asked = await patient.command(command, COMMANDS[command], place=f"/callbacks/{command}/7?a=b%20c&d=e")
    assert asked.answer.data == {"result": "ACCEPTED", "timeout": 30}
    assert (asked.answer.to, asked.answer.sender) == (EMSP, CPO)
    assert asked.got.path.endswith(f"/receiver/commands/{command}")
    assert asked.got.value == COMMANDS[command] | {"response_url": asked.given}
    assert asked.given.startswith(f"{patient.world.hub.public_url}/ocpi/2.2.1/via/")
    assert len(asked.given) <= 255
    result = {"result": "ACCEPTED", "message": [{"language": "en", "text": "on it"}], "x_new": 1}
    answer = await patient.gives(asked, result)
    assert (answer.status, answer.code, answer.to, answer.sender) == (200, 1000, CPO, EMSP)
    assert "data" not in answer.envelope
    back = await patient.emsp.receives("POST", f"/callbacks/{command}/7")
    assert (back.query, back.value) == ("a=b%20c&d=e", result)
    assert (back.to, back.sender, back.correlation_id) == (EMSP, CPO, "the-result")
    assert back.token in patient.emsp.accepted_tokens
    assert back.request_id not in {None, asked.got.request_id}


@pytest.mark.holds("CMD-01", "CMD-21", by="hub")
@pytest.mark.parametrize(
    ("method", "side", "tail", "status"),
    [
        ("POST", "RECEIVER", "/EXPLODE", 404),
        ("POST", "RECEIVER", "/start_session", 404),
        ("POST", "RECEIVER", "", 404),
        ("GET", "RECEIVER", "/START_SESSION", 405),
        ("PUT", "RECEIVER", "/START_SESSION", 405),
        ("PATCH", "RECEIVER", "/START_SESSION", 405),
        ("DELETE", "RECEIVER", "/START_SESSION", 405),
        ("GET", "SENDER", "/1", 405),
        ("PUT", "SENDER", "/1", 405),
        ("DELETE", "SENDER", "/1", 405),
    ],
)
async def test_what_commands_do_not_have_stops_at_the_hub(
    patient: Callbacks, method: str, side: str, tail: str, status: int
) -> None:
    url = patient.world.url("commands", side, tail)
    sent = START | {"response_url": f"{patient.emsp.url}/callbacks/1"}
    assert (await patient.emsp.call(method, url, sent, to=CPO, sender=EMSP)).status == status
    assert patient.cpo.all("*", "/commands") == []


@pytest.mark.holds("CMD-12", "CMD-13", by="hub")
@pytest.mark.parametrize(
    "reply",
    [
        Reply(status_code=2003, status_message="unknown location"),
        Reply({"result": "UNKNOWN_SESSION", "timeout": 0}),
        Reply({"result": "REJECTED", "timeout": 0, "message": [{"language": "en", "text": "no"}]}),
    ],
)
async def test_the_cpos_no_is_its_own_and_nobody_waits_after_it(on: Callbacks, reply: Reply) -> None:
    on.cpo.answers("POST", "/commands/", reply)
    asked = await on.command("STOP_SESSION", STOP)
    assert (asked.answer.code, asked.answer.sender) == (reply.status_code, CPO)
    assert asked.answer.envelope.get("status_message") == reply.status_message
    await on.nothing_more(0)


@pytest.mark.holds("CMD-17", by="hub")
async def test_a_connector_without_its_evse_is_a_finding(patient: Callbacks) -> None:
    patient.cpo.answers("POST", "/commands/", Reply(status_code=2001))
    body = {"token": TOKEN, "location_id": "LOC1", "connector_id": "1"}
    assert (await patient.command("START_SESSION", body)).answer.code == 2001
    assert any("/evse_uid" in entry.note for entry in patient.world.noted("the-command"))


@pytest.mark.holds("CMD-15", by="hub")
async def test_a_command_with_the_token_of_another_emsp_is_a_finding(patient: Callbacks) -> None:
    """The CPO judges, as with every relayed body (decision 0005)."""
    patient.cpo.answers("POST", "/commands/", Reply({"result": "REJECTED", "timeout": 0}))
    theirs = token(country_code="DE", party_id="ALL")
    asked = await patient.command("START_SESSION", START | {"token": theirs})
    assert asked.answer.data["result"] == "REJECTED"
    notes = [entry.note for entry in patient.world.noted("the-command")]
    assert notes == [f"/token: the token is of {OTHER_EMSP}, the message is from {EMSP}"]


# Who may use the URL, and for how long.


@pytest.mark.holds("CMD-08", by="hub")
async def test_the_url_is_for_the_cpo_alone(patient: Callbacks) -> None:
    patient.cpo.answers("POST", "/commands/", accepted(30))
    asked = await patient.command("STOP_SESSION", STOP)
    async with (
        Recorder([("CPO", "FR", "CPO")]) as third,
        Recorder([("EMSP", *OTHER_EMSP.split("/"))]) as other,
    ):
        await joined(patient.world.hub, third, "third")
        await joined(patient.world.hub, other, "other")
        for stranger, party in ((third, "FR/CPO"), (other, OTHER_EMSP), (patient.emsp, EMSP)):
            assert (await stranger.call("POST", asked.given, DONE, sender=party)).status == 404
    for shown, status in (("wrong", 401), (None, 401)):
        assert (await patient.cpo.call("POST", asked.given, DONE, token=shown)).status == status
    assert patient.results() == []
    assert (await patient.gives(asked, DONE)).code == 1000


@pytest.mark.holds("CMD-09", by="hub")
async def test_a_reservation_is_cancelled_on_the_url_that_was_used_before(patient: Callbacks) -> None:
    patient.cpo.answers("POST", "/commands/", accepted(30))
    asked = await patient.command("RESERVE_NOW", COMMANDS["RESERVE_NOW"])
    for result in ("ACCEPTED", "CANCELED_RESERVATION"):
        assert (await patient.gives(asked, {"result": result}, correlation=result)).code == 1000
    assert [each["result"] for each in patient.results()] == ["ACCEPTED", "CANCELED_RESERVATION"]
    first, second = patient.emsp.all("POST", "/callbacks/")
    assert (first.path, first.correlation_id) == ("/callbacks/1", "ACCEPTED")
    assert (second.path, second.correlation_id) == ("/callbacks/1", "CANCELED_RESERVATION")
    assert patient.world.noted("CANCELED_RESERVATION") == []


@pytest.mark.holds("CMD-09", by="hub")
async def test_a_url_lives_as_long_as_its_result_may_take(tmp_path: Path) -> None:
    usual = settings(tmp_path)
    short = replace(usual, limits=replace(usual.limits, link=timedelta(seconds=0.1)))
    async with callbacks(tmp_path, short) as on:
        on.cpo.answers("POST", "/commands/", Reply({"result": "REJECTED", "timeout": 0}), times=1)
        gone = await on.command("STOP_SESSION", STOP)
        on.cpo.answers("POST", "/commands/", accepted(60))
        awaited = await on.command("STOP_SESSION", STOP)
        reserved = await on.command("RESERVE_NOW", COMMANDS["RESERVE_NOW"])

        async def status() -> int:
            return (await on.gives(gone, DONE)).status

        await soon(status, lambda found: found == 404)
        assert (await on.gives(awaited, DONE)).code == 1000
        assert (await on.gives(reserved, DONE)).code == 1000


# The result that does not come.


@pytest.mark.holds("CMD-03", "CMD-06", "RT-20", "RT-21", by="hub")
@pytest.mark.parametrize("command", COMMANDS)
async def test_without_a_result_in_time_the_hub_says_so_once(on: Callbacks, command: str) -> None:
    on.cpo.answers("POST", "/commands/", accepted(0))
    asked = await on.command(command, COMMANDS[command], place="/callbacks/9?x=%2F")
    told = await on.emsp.receives("POST", "/callbacks/9")
    result = CommandResult.model_validate(told.value)
    assert result.result == "TIMEOUT"
    assert "hub" in result.message[0].text
    assert (told.path, told.query) == ("/callbacks/9", "x=%2F")
    assert (told.to, told.sender, told.correlation_id) == (EMSP, CPO, "the-command")
    assert told.request_id not in {None, asked.got.request_id}
    assert told.headers["Content-Type"] == "application/json"
    assert told.token in on.emsp.accepted_tokens
    await on.nothing_more(1)
    [leg] = on.timeouts()
    assert (leg.platform, leg.to_party, leg.from_party, leg.http_status) == ("emsp", EMSP, CPO, 200)
    assert (leg.correlation_id, leg.module) == ("the-command", "commands")


@pytest.mark.holds("CMD-11", by="hub")
async def test_a_late_result_is_handed_on_and_named_as_late(on: Callbacks) -> None:
    on.cpo.answers("POST", "/commands/", accepted(0))
    asked = await on.command("RESERVE_NOW", COMMANDS["RESERVE_NOW"])
    await on.emsp.receives("POST", "/callbacks/")
    for correlation in ("late", "on time"):
        assert (await on.gives(asked, DONE, correlation=correlation)).code == 1000
    assert [each["result"] for each in on.results()] == ["TIMEOUT", "ACCEPTED", "ACCEPTED"]
    [late] = on.world.noted("late")
    assert late.note.startswith("late: at ")
    assert late.note.endswith(f"the hub had told {EMSP} that there is no result")
    assert late.direction == "in"
    assert on.world.noted("on time") == []


@pytest.mark.holds("CMD-11", by="hub")
async def test_a_late_result_is_named_even_if_nobody_takes_it(on: Callbacks) -> None:
    on.cpo.answers("POST", "/commands/", accepted(0))
    asked = await on.command("STOP_SESSION", STOP)
    await on.emsp.receives("POST", "/callbacks/")
    on.emsp.answers("POST", "/callbacks/", Fault.CLOSE)
    assert (await on.gives(asked, DONE, correlation="late")).code == 4000
    assert on.world.noted("late")[-1].note.startswith("late: ")


async def test_a_result_in_time_leaves_the_hub_nothing_to_say(tmp_path: Path) -> None:
    usual = impatient(tmp_path)
    slower = replace(usual, limits=replace(usual.limits, result_margin=timedelta(seconds=0.5)))
    async with callbacks(tmp_path, slower) as on:
        on.cpo.answers("POST", "/commands/", accepted(0))
        assert (await on.gives(await on.command("STOP_SESSION", STOP), {"result": "FAILED"})).code == 1000
        await asyncio.sleep(0.4)
        await on.nothing_more(1)
        assert on.results() == [{"result": "FAILED"}]


async def test_a_result_in_time_that_the_emsp_did_not_take_is_not_followed_by_another(on: Callbacks) -> None:
    on.cpo.answers("POST", "/commands/", accepted(0))
    on.emsp.answers("POST", "/callbacks/", Reply(status_code=2001))

    async def answer_and_call(received: Received) -> Reply:
        answer = await on.cpo.call("POST", received.value["response_url"], DONE, to=EMSP, sender=CPO)
        assert answer.code == 2001
        return accepted(0)

    on.cpo.answers("POST", "/commands/", answer_and_call)
    await on.command("STOP_SESSION", STOP)
    await on.nothing_more(1)


@pytest.mark.parametrize("result", [DONE, {"result": "EVSE_OCCUPIED"}])
async def test_a_result_that_overtakes_the_answer_counts(on: Callbacks, result: dict[str, str]) -> None:
    async def call_then_answer(received: Received) -> Reply:
        answer = await on.cpo.call("POST", received.value["response_url"], result, to=EMSP, sender=CPO)
        assert answer.code == 1000
        return accepted(0)

    on.cpo.answers("POST", "/commands/", call_then_answer)
    assert (await on.command("STOP_SESSION", STOP)).answer.code == 1000
    await on.nothing_more(1)
    assert on.results() == [result]


async def test_a_result_that_crosses_with_the_hubs_word_comes_after_it(on: Callbacks) -> None:
    on.cpo.answers("POST", "/commands/", accepted(0))
    in_hand, go = asyncio.Event(), asyncio.Event()

    async def take_your_time(_received: Received) -> Reply:
        in_hand.set()
        await go.wait()
        return Reply()

    on.emsp.answers("POST", "/callbacks/", take_your_time, times=1)
    asked = await on.command("STOP_SESSION", STOP)
    await in_hand.wait()
    async with asyncio.TaskGroup() as tasks:
        crossing = tasks.create_task(on.gives(asked, DONE, correlation="crossing"))
        await asyncio.sleep(0.1)
        assert len(on.results()) == 1
        go.set()
    assert crossing.result().code == 1000
    assert [each["result"] for each in on.results()] == ["TIMEOUT", "ACCEPTED"]
    assert on.world.noted("crossing")[0].note.startswith("late: ")


async def test_an_emsp_that_is_away_is_not_told_later(on: Callbacks) -> None:
    """RT-14: nothing is queued; the requester has a clock of its own (CMD-06)."""
    on.cpo.answers("POST", "/commands/", accepted(0))
    on.emsp.answers("POST", "/callbacks/", Fault.CLOSE)
    await on.command("STOP_SESSION", STOP)
    await on.emsp.receives("POST", "/callbacks/")
    on.emsp.is_honest_again()
    await on.nothing_more(1)
    assert [leg.http_status for leg in on.timeouts()] == [None]
    await on.command("STOP_SESSION", STOP, place="/callbacks/2")
    await on.emsp.receives("POST", "/callbacks/2")


@pytest.mark.parametrize("seconds", [-1, "soon", None, True])
async def test_who_promises_a_result_without_saying_until_when_is_not_waited_for(
    on: Callbacks, seconds: Any
) -> None:
    on.cpo.answers("POST", "/commands/", accepted(seconds))
    assert (await on.command("STOP_SESSION", STOP)).answer.data["result"] == "ACCEPTED"
    await on.nothing_more(0)
    assert any("/data/timeout" in entry.note for entry in on.world.noted("the-command"))


async def test_a_very_long_timeout_does_no_harm(on: Callbacks) -> None:
    on.cpo.answers("POST", "/commands/", accepted(10**15))
    asked = await on.command("STOP_SESSION", STOP)
    assert (await on.gives(asked, DONE)).code == 1000


@pytest.mark.holds("CMD-11", by="hub")
async def test_after_an_answer_that_came_too_late_nobody_waits_but_a_result_is_handed_on(
    on: Callbacks,
) -> None:
    on.cpo.answers("POST", "/commands/", Fault.HANG)
    asked = await on.command("STOP_SESSION", STOP)
    assert asked.answer.code == 4002
    assert (await on.gives(asked, DONE)).code == 1000
    assert on.results() == [DONE]


# Restarts.


async def is_written_down(data: Path, count: int = 1) -> None:
    """So many results are awaited, as it stands on the disk."""
    async with opened(settings(data).database_url) as database:

        async def look() -> int:
            async with database.reading() as connection:
                query = text("SELECT count(*) FROM link WHERE due_at IS NOT NULL")
                return int((await connection.execute(query)).scalar_one())

        await soon(look, lambda found: found == count)


@pytest.mark.holds("CMD-09", by="hub")
async def test_what_is_awaited_outlives_the_death_of_the_hub(tmp_path: Path) -> None:
    """What is committed while the hub runs is what kill -9 leaves behind."""
    before, after = tmp_path / "before", tmp_path / "after"
    async with Recorder([("CPO", *CPO.split("/"))]) as cpo, Recorder([("EMSP", *EMSP.split("/"))]) as emsp:
        cpo.answers("POST", "/commands/", accepted(30))
        async with running_hub(settings(before), log=None) as hub:
            on = Callbacks(Roaming(hub, await joined(hub, cpo, "cpo"), await joined(hub, emsp, "emsp"), []))
            await on.gives(await on.command("STOP_SESSION", STOP, place="/callbacks/answered"), DONE)
            forgotten = await on.command("STOP_SESSION", STOP, place="/callbacks/forgotten")
            awaited = await on.command("STOP_SESSION", STOP, place="/callbacks/awaited")
            await is_written_down(before, 2)
            shutil.copytree(before, after, ignore=shutil.ignore_patterns(f"{DATABASE}*"))
            copied(before / DATABASE, after / DATABASE)
        async with running_hub(a_little_patience(after), log=None, clock=an_hour_later) as hub:
            again = Callbacks(Roaming(hub, cpo, emsp, []))
            # Whoever called in vain has the margin once more.
            assert (await again.gives(moved(awaited, hub.public_url), DONE)).code == 1000
            told = await emsp.receives("POST", "/callbacks/forgotten")
            assert (told.value["result"], told.sender, told.correlation_id) == ("TIMEOUT", CPO, "the-command")
            assert (await again.gives(moved(forgotten, hub.public_url), DONE)).code == 1000
            await is_written_down(after, 0)
        async with running_hub(a_little_patience(after), log=None, clock=an_hour_later):
            await again.nothing_more(4)
        assert len(emsp.all("POST", "/callbacks/forgotten")) == 2


def a_little_patience(data: Path) -> Settings:
    """A hub that waits a moment longer than it must."""
    usual = settings(data)
    return replace(usual, limits=replace(usual.limits, result_margin=timedelta(seconds=0.5)))


def an_hour_later() -> datetime:
    return utc_now() + timedelta(hours=1)


def moved(asked: Asked, public_url: str) -> Asked:
    """The same URL, where the hub is now."""
    return replace(asked, given=public_url + urlsplit(asked.given).path)
