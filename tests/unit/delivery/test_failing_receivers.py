"""Receivers that refuse, fail or are away (design D3; RT-40)."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.delivery.overview import overview_here
from hub.delivery.pump import NotDeliverable, PumpStatus
from hub.delivery.pumps import UnknownDeadLetter
from hub.delivery.verdict import Verdict
from hub.directory.directory import WhenUnreachable
from hub.http.client import HttpTransport
from hub.ocpi.backoff import Backoff
from schemas.v2_2_1 import ConnectionStatus, Role
from tests.fixtures.changes import LATER, evse, location, patch, put
from tests.fixtures.delivering import NOW, Gate, People, World, delivering
from tests.fixtures.recorder import Fault, Recorder, Reply

ABC = (Role.EMSP, "DE/ABC")
#: Doubles from a millisecond on, without an end that a test would see.
FOR_AN_HOUR = Backoff(timedelta(milliseconds=1), timedelta(hours=1))
#: Tries again and again.
STUBBORN = Backoff(timedelta(milliseconds=1), timedelta(milliseconds=4))


async def status_of(hub: World, platform_id: int, status: PumpStatus) -> None:
    await hub.until(lambda: all(each.status is status for each in overview_here(hub.pumps, platform_id)))


@pytest.mark.parametrize(
    ("refusal", "http_status", "status_code", "reason"),
    [
        (Reply(status_code=2001, status_message="no"), 200, 2001, "no"),
        (Reply(status=403, body=b"<h1>"), 403, None, "the answer is not JSON"),
    ],
)
async def test_a_refusal_becomes_a_dead_letter_and_is_not_repeated(
    path: Path,
    people: People,
    transport: HttpTransport,
    msp: Recorder,
    refusal: Reply,
    http_status: int,
    status_code: int | None,
    reason: str,
) -> None:
    platform = people.recorded(msp, ABC)
    msp.answers("PUT", "LOC1", refusal)
    async with delivering(path, people, transport) as hub:
        await hub.accept(location(), put("tariffs", "/NL/TNM/T1", id="T1"))
        await msp.receives("PUT", "T1")
        await hub.at_rest()
        [letter] = await hub.pumps.dead_letters(platform.id)
        assert await hub.pumps.dead_letters(platform.id + 1) == ()
        [_, progress] = overview_here(hub.pumps, platform.id)
    assert len(msp.all("PUT", "LOC1")) == 1
    assert (letter.http_status, letter.status_code) == (http_status, status_code)
    assert reason in letter.reason
    assert (letter.method, letter.tail, letter.body) == ("PUT", "/NL/TNM/LOC1", location().body)
    assert (letter.correlation_id, letter.refused_at) == ("corr-1", NOW)
    assert (progress.dead_letters, progress.waiting, str(progress.receiver)) == (1, 0, "DE/ABC EMSP")


async def test_a_dead_letter_outlives_the_hub_and_is_sent_again_as_the_newest_state(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    people.recorded(msp, ABC)
    msp.answers("*", "locations", Reply(status_code=2001))
    async with delivering(path, people, transport) as hub:
        await hub.accept(location(evses=[evse("1", status="AVAILABLE")]))
        await hub.at_rest()
        await hub.accept(patch("locations", "/NL/TNM/LOC1/1", LATER, status="CHARGING"))
        await hub.at_rest()
    async with delivering(path, people, transport) as hub:
        [letter] = await hub.pumps.dead_letters()
        assert (await hub.pumps.send_again(letter.id)).verdict is Verdict.REFUSED
        assert [each.id for each in await hub.pumps.dead_letters()] == [letter.id]
        msp.answers("*", "locations", Reply())
        attempt = await hub.pumps.send_again(letter.id)
        assert (attempt.verdict, attempt.http_status) == (Verdict.DELIVERED, 200)
        assert await hub.pumps.dead_letters() == ()
        with pytest.raises(UnknownDeadLetter):
            await hub.pumps.send_again(letter.id)
    last = msp.received[-1]
    assert (last.method, last.value["evses"][0]["status"]) == ("PUT", "CHARGING")
    assert (last.to, last.sender, last.correlation_id) == ("DE/ABC", "HU/HUB", "corr-1")


async def test_once_the_receiver_takes_the_object_older_refusals_are_gone(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    people.recorded(msp, ABC)
    msp.answers("PUT", "LOC1", Reply(status_code=2001), times=1)
    async with delivering(path, people, transport) as hub:
        await hub.accept(location(evses=[evse("1")]))
        await hub.at_rest()
        assert len(await hub.pumps.dead_letters()) == 1
        await hub.accept(patch("locations", "/NL/TNM/LOC1/1", LATER, status="CHARGING"))
        received = await msp.receives("PUT", "LOC1", count=2)
        await hub.at_rest()
        assert await hub.pumps.dead_letters() == ()
    # Not the PATCH: it would not fit what the receiver has.
    assert received.value["evses"][0]["status"] == "CHARGING"
    assert msp.all("PATCH") == []


async def test_a_dead_letter_cannot_be_sent_to_who_is_not_there(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    platform = people.recorded(msp, ABC)
    msp.answers("PUT", "LOC1", Reply(status_code=2001))
    async with delivering(path, people, transport) as hub:
        await hub.accept(location())
        await hub.at_rest()
        [letter] = await hub.pumps.dead_letters()
        hub.change(platform, status=ConnectionStatus.OFFLINE)
        with pytest.raises(NotDeliverable):
            await hub.pumps.send_again(letter.id)
        hub.change(platform, outbound_token=None, status=ConnectionStatus.SUSPENDED)
        await hub.until(lambda: hub.pumps.pump(platform.id) is None)
        assert await hub.pumps.dead_letters() == ()
    assert len(msp.received) == 1


FAULTS = [
    Fault.SERVER_ERROR,
    Fault.HTML,
    Fault.NOT_JSON,
    Fault.NO_ENVELOPE,
    Fault.REDIRECT,
    Fault.CLOSE,
    Fault.HALF_AN_ANSWER,
    Reply(status_code=3000),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_a_fault_that_passes_delays_the_delivery_only(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, fault: Any
) -> None:
    people.recorded(msp, ABC)
    msp.answers("PUT", "LOC1", fault, times=2)
    async with delivering(path, people, transport) as hub:
        await hub.accept(location())
        await msp.receives("PUT", "LOC1", count=3)
        await hub.at_rest()
        assert await hub.pumps.dead_letters() == ()
    assert len(msp.received) == 3


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_a_fault_that_stays_becomes_a_dead_letter_and_lets_the_rest_pass(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, fault: Any
) -> None:
    platform = people.recorded(msp, ABC)
    msp.answers("PUT", "LOC1", fault)
    async with delivering(path, people, transport, attempts=3, in_flight=1) as hub:
        await hub.accept(location(), put("tariffs", "/NL/TNM/T1", id="T1"))
        await msp.receives("PUT", "T1")
        await hub.at_rest()
        [letter] = await hub.pumps.dead_letters()
        [_, progress] = overview_here(hub.pumps, platform.id)
    assert len(msp.all("PUT", "LOC1")) == 3
    assert letter.key.object_id == "LOC1"
    assert progress.last_failure != ""


@pytest.mark.parametrize(
    "fault", [Fault.HANG, Reply(status=401), Reply(status=503), Reply(status=429)], ids=str
)
async def test_what_says_nothing_about_the_change_never_becomes_a_dead_letter(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, fault: Any
) -> None:
    people.recorded(msp, ABC)
    msp.answers("PUT", "LOC1", fault, times=5)
    patience = timedelta(milliseconds=30)
    async with delivering(path, people, transport, attempts=2, patience=patience, backoff=STUBBORN) as hub:
        await hub.accept(location())
        await msp.receives("PUT", "LOC1", count=6)
        await hub.at_rest()
        assert await hub.pumps.dead_letters() == ()


async def test_a_platform_that_cannot_be_reached_is_reported_and_gets_it_when_it_is_back(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    platform = people.recorded(msp, ABC)
    gate = Gate(transport)
    gate.is_open = False
    async with delivering(path, people, gate, backoff=STUBBORN) as hub:
        await hub.accept(location(), put("tariffs", "/NL/TNM/T1", id="T1"))
        await hub.until(lambda: len(hub.unreachable) > 5)
        assert set(hub.unreachable) == {platform.id}
        [_, progress] = overview_here(hub.pumps, platform.id)
        assert progress.waiting == 2
        assert progress.last_failure == "it cannot be reached, and nothing was sent: the gate is shut"
        gate.is_open = True
        await msp.receives("PUT", "LOC1")
        await msp.receives("PUT", "T1")
        await hub.at_rest()
        assert await hub.pumps.dead_letters() == ()


async def test_a_sign_of_life_ends_the_back_off_at_once(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    platform = people.recorded(msp, ABC)
    gate = Gate(transport)
    gate.is_open = False
    async with delivering(path, people, gate, backoff=FOR_AN_HOUR) as hub:
        await hub.accept(location())
        await hub.until(lambda: gate.knocks >= 11)  # by now it is left in peace for a second or more
        await status_of(hub, platform.id, PumpStatus.BACKING_OFF)
        gate.is_open = True
        hub.pumps.alive(platform.id)
        await msp.receives("PUT", "LOC1")
        await status_of(hub, platform.id, PumpStatus.IDLE)
        assert {each.retry_at for each in overview_here(hub.pumps, platform.id)} == {None}


async def test_a_platform_in_back_off_is_left_in_peace_whatever_is_accepted(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    platform = people.recorded(msp, ABC)
    gate = Gate(transport)
    gate.is_open = False
    async with delivering(path, people, gate, backoff=FOR_AN_HOUR) as hub:
        await hub.accept(location())
        await hub.until(lambda: gate.knocks >= 11)
        await status_of(hub, platform.id, PumpStatus.BACKING_OFF)
        knocks = gate.knocks
        for number in range(10):
            await hub.accept(put("tariffs", f"/NL/TNM/T{number}", id=f"T{number}"))
        [_, progress] = overview_here(hub.pumps, platform.id)
        assert progress.retry_at is not None
        assert progress.retry_at > NOW
        assert gate.knocks <= knocks + 1


async def test_a_platform_that_answers_wrongly_is_not_hurried_by_its_own_requests(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    platform = people.recorded(msp, ABC)
    msp.answers("PUT", "", Fault.SERVER_ERROR)
    async with delivering(path, people, transport, backoff=FOR_AN_HOUR, attempts=100) as hub:
        await hub.accept(location())
        await msp.receives("PUT", "LOC1", count=10)
        await status_of(hub, platform.id, PumpStatus.BACKING_OFF)
        got = len(msp.received)
        for _ in range(10):
            hub.pumps.alive(platform.id)
        await hub.accept(put("tariffs", "/NL/TNM/T1", id="T1"))
        assert len(msp.received) <= got + 1
        msp.answers("PUT", "", Reply())
        hub.change(platform, versions_url="https://renewed.example/versions")
        await msp.receives("PUT", "T1")


async def test_nothing_is_kept_for_who_wants_nothing_kept(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """Policy `none`: what could not be sent is dropped, and the next change is sent again."""
    platform = people.recorded(msp, ABC, when_unreachable=WhenUnreachable.NONE)
    gate = Gate(transport)
    gate.is_open = False
    async with delivering(path, people, gate) as hub:
        await hub.accept(location())
        await hub.until(lambda: gate.knocks == 1)
        await hub.at_rest()
        await status_of(hub, platform.id, PumpStatus.IDLE)
        gate.is_open = True
        await hub.accept(put("tariffs", "/NL/TNM/T1", id="T1"))
        await msp.receives("PUT", "T1")
    assert [each.path.rpartition("/")[2] for each in msp.received] == ["T1"]


async def test_a_refusal_is_on_disk_before_the_cursor_passes_it(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """If it cannot be written down, the delivery is tried again."""
    people.recorded(msp, ABC)
    msp.answers("PUT", "LOC1", Reply(status_code=2001))
    async with delivering(path, people, transport) as hub:
        await _rename(hub, "dead_letter", "gone")
        await hub.accept(location())
        await msp.receives("PUT", "LOC1", count=3)
        receiver = next(
            each.receiver for each in overview_here(hub.pumps, 2) if each.receiver.party_role is not None
        )
        assert hub.pumps.parts.cursors.position(receiver) == 0
        await _rename(hub, "gone", "dead_letter")
        await hub.at_rest()
        assert len(await hub.pumps.dead_letters()) == 1


async def _rename(hub: World, old: str, new: str) -> None:
    async with hub.database.writing() as connection:
        await connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")


async def test_a_token_that_changes_on_the_way_delays_the_delivery_only(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """AM-15: deliveries go on while the two sides agree upon new tokens."""
    platform = people.recorded(msp, ABC)
    msp.accepted_tokens.clear()
    async with delivering(path, people, transport) as hub:
        msp.answers("PUT", "LOC1", lambda got: Reply(status=200 if got.token in msp.accepted_tokens else 401))
        await hub.accept(location())
        await msp.receives("PUT", "LOC1", count=2)
        hub.change(platform, outbound_token=msp.accept_new_token())
        await hub.at_rest()
        assert await hub.pumps.dead_letters() == ()
    assert msp.received[-1].token in msp.accepted_tokens
