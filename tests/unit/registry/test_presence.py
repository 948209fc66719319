"""Who is alive (HCI-10 to HCI-16): over real sockets, with a clock that a test sets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from hub.calling.calls import Calls
from hub.ocpi.waiting import wait_for
from hub.registry.presence import LEAST_PAUSE, SPREAD, Presence
from tests.fixtures.full_disk import fill_disk, free_disk
from tests.fixtures.recorder import Behaviour, Fault, Recorder, Reply
from tests.fixtures.registry_hub import SHORT, RegistryHub, registry_hub
from tests.fixtures.waiting import until
from tests.fixtures.watching import CONNECTED, OFFLINE, SILENCE, VERSIONS, Rounds, Watched, watching


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RegistryHub]:
    async with registry_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
async def watched(hub: RegistryHub) -> AsyncIterator[Watched]:
    async with Recorder(roles=[("CPO", "NL", "TNM")]) as partner:
        await partner.register(hub.versions_url, (await hub.platforms.invite("TNM")).token)
        partner.received.clear()
        await hub.announced()
        async with watching(hub, partner) as watched:
            watched.presence.seen(watched.platform_id)
            yield watched


@pytest.mark.holds("HCI-10", by="hub")
async def test_who_calls_is_not_asked(watched: Watched) -> None:
    """HCI-10: the time runs from the last request."""
    for _ in range(5):
        await watched.passes(SILENCE - timedelta(seconds=1))
        watched.presence.seen(watched.platform_id)
    assert watched.questions == 0


@pytest.mark.holds("VE-11", "HCI-10", by="hub")
async def test_who_is_silent_for_too_long_is_asked_for_its_versions(watched: Watched) -> None:
    """HCI-10, VE-11: with the token that it gave us; an answer is a sign of life, too."""
    await watched.passes(SILENCE)
    assert watched.questions == 1
    assert watched.partner.received[0].token == watched.hub.named("TNM").outbound_token
    assert watched.status is CONNECTED
    assert await watched.hub.announced() == []
    await watched.passes(SILENCE - timedelta(seconds=1))
    assert watched.questions == 1
    await watched.passes(timedelta(seconds=1))
    assert watched.questions == 2


@pytest.mark.holds("HCI-10", "HCI-15", by="hub")
@pytest.mark.parametrize("fault", list(Fault))
async def test_who_does_not_answer_is_offline(watched: Watched, fault: Fault) -> None:
    """HCI-10, HCI-15: and whoever may know is told. A page for people comes from a proxy, not from OCPI."""
    watched.partner.answers("GET", VERSIONS, fault)
    await watched.passes(SILENCE)
    assert watched.status is OFFLINE
    assert await watched.hub.announced() == ["NL/TNM CPO OFFLINE"]


ALIVE: list[Behaviour] = [
    Reply(status=401, status_code=2000),
    Reply(status=404, status_code=2000),
    Reply(status_code=3000),
]


@pytest.mark.parametrize("answer", ALIVE)
async def test_who_says_no_in_ocpi_is_alive(watched: Watched, answer: Behaviour) -> None:
    watched.partner.answers("GET", VERSIONS, answer)
    await watched.passes(SILENCE)
    assert watched.status is CONNECTED


@pytest.mark.holds("HCI-15", by="hub")
async def test_a_connection_that_fails_makes_the_hub_ask_at_once(watched: Watched) -> None:
    """HCI-15: one failure of one connection proves nothing; two do."""
    watched.presence.unreachable(watched.platform_id)
    await watched.settles()
    assert watched.questions == 1
    assert watched.status is CONNECTED


async def test_of_many_each_is_asked_whose_connection_fails(hub: RegistryHub) -> None:
    """By a clock that goes on while they are looked at, one after the other."""
    ticks = count()

    def ticking() -> datetime:
        return hub.clock() + timedelta(microseconds=next(ticks))

    calls = Calls(hub.calls.transport, hub.calls.journal, ticking, hub.calls.new_id)
    presence = Presence(
        hub.directory,
        hub.platforms,
        calls,
        silence=SILENCE,
        patience=SHORT,
        wait=Rounds(),
        chance=lambda: 1.0,
    )
    async with AsyncExitStack() as stack:
        partners = []
        for name in ("AAA", "BBB", "CCC"):
            partner = await stack.enter_async_context(Recorder(roles=[("CPO", "NL", name)]))
            await partner.register(hub.versions_url, (await hub.platforms.invite(name)).token)
            partner.received.clear()
            partners.append(partner)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        watch = tasks.create_task(presence.watch())
        presence.unreachable(hub.named("CCC").id)
        await partners[2].receives("GET", VERSIONS)
        assert partners[0].received == partners[1].received == []
        watch.cancel()


async def test_failing_connections_do_not_make_the_hub_ask_without_end(watched: Watched) -> None:
    for _ in range(5):
        watched.presence.unreachable(watched.platform_id)
        await watched.settles()
    assert watched.questions == 1
    await watched.passes(LEAST_PAUSE)
    assert watched.questions == 2


@pytest.mark.holds("HCI-15", by="hub")
async def test_who_has_gone_away_is_offline(watched: Watched) -> None:
    """HCI-15: nobody listens any more."""
    await watched.partner.go_away()
    watched.presence.unreachable(watched.platform_id)
    await watched.settles()
    assert watched.status is OFFLINE


async def test_who_is_offline_is_asked_again_and_again_but_ever_more_rarely(watched: Watched) -> None:
    await watched.goes_offline()
    asked_after = [2, 4, 8, 8]
    for seconds in asked_after:
        before = watched.questions
        await watched.passes(timedelta(seconds=seconds - 1))
        assert watched.questions == before
        await watched.passes(timedelta(seconds=1))
        assert watched.questions == before + 1
    assert watched.status is OFFLINE


@pytest.mark.holds("HCI-03", "HCI-15", by="hub")
async def test_who_answers_again_is_connected(watched: Watched) -> None:
    """HCI-15, HCI-03: OFFLINE and back are two changes."""
    await watched.goes_offline()
    watched.partner.is_honest_again()
    await watched.passes(timedelta(seconds=2))
    assert watched.status is CONNECTED
    assert len(await watched.hub.announced()) == 2


@pytest.mark.holds("HCI-15", by="hub")
async def test_who_calls_again_is_connected_at_once(watched: Watched) -> None:
    """HCI-15: no question, no waiting."""
    await watched.goes_offline()
    before = watched.questions
    watched.presence.seen(watched.platform_id)
    await until(lambda: watched.status is CONNECTED)
    assert watched.questions == before


async def test_who_can_call_but_not_be_called_does_not_change_its_state_with_every_request(
    watched: Watched,
) -> None:
    """A sign of life is believed once; after that, an answer is needed."""
    await watched.goes_offline()
    watched.presence.seen(watched.platform_id)
    await watched.settles()
    assert watched.status is CONNECTED
    await watched.hub.announced()
    for _ in range(3):
        await watched.passes(LEAST_PAUSE)
        watched.presence.unreachable(watched.platform_id)
        watched.presence.seen(watched.platform_id)
        await watched.settles()
    assert watched.status is OFFLINE
    assert await watched.hub.announced() == ["NL/TNM CPO OFFLINE"]
    watched.partner.is_honest_again()
    await watched.passes(timedelta(seconds=8))
    assert watched.status is CONNECTED
    await watched.goes_offline()
    watched.presence.seen(watched.platform_id)
    await watched.settles()
    assert watched.status is CONNECTED


async def test_a_question_from_before_its_return_does_not_send_a_platform_away_again(
    watched: Watched,
) -> None:
    """It hung when it was asked, then it started anew and called."""
    await watched.goes_offline()
    watched.partner.is_honest_again()
    watched.partner.answers("GET", VERSIONS, Fault.HANG, times=1)
    before = watched.questions
    watched.hub.clock.advance(timedelta(seconds=8))
    watched.rounds.news.set()
    await until(lambda: watched.questions > before)
    watched.presence.seen(watched.platform_id)
    await until(lambda: watched.status is CONNECTED)
    await watched.hub.announced()
    await watched.settles()
    await watched.passes(LEAST_PAUSE)
    assert watched.questions == before + 2
    assert watched.status is CONNECTED
    assert await watched.hub.announced() == []


@pytest.mark.holds("HCI-15", by="hub")
@pytest.mark.parametrize("decided", ["suspended", "planned", "left"])
async def test_nobody_is_asked_whose_state_people_decided(watched: Watched, decided: str) -> None:
    """HCI-15: PLANNED and SUSPENDED stay, whatever is seen or not seen."""
    hub = watched.hub
    match decided:
        case "suspended":
            await hub.platforms.suspend("TNM")
        case "planned":
            await hub.platforms.invite_again("TNM")
        case "left":
            await watched.partner.call("DELETE", hub.credentials_url)
    status = watched.status
    await hub.announced()
    watched.presence.unreachable(watched.platform_id)
    watched.presence.seen(watched.platform_id)
    await watched.passes(SILENCE * 2)
    assert watched.questions == 0
    assert watched.status is status
    assert await hub.announced() == []


@pytest.mark.holds("HCI-16", by="hub")
async def test_after_a_start_everybody_is_asked_once_and_only_differences_are_told(watched: Watched) -> None:
    """HCI-16: within ten seconds; what is as it was stored changes nothing."""
    async with watching(watched.hub, watched.partner) as restarted:
        await restarted.passes(SPREAD - timedelta(seconds=1))
        assert restarted.questions == 0
        await restarted.passes(timedelta(seconds=1))
        assert restarted.questions == 1
        assert await restarted.hub.announced() == []


async def test_a_partner_that_hangs_does_not_keep_others_from_being_asked(watched: Watched) -> None:
    async with Recorder(roles=[("EMSP", "BE", "BEC")]) as other:
        await other.register(watched.hub.versions_url, (await watched.hub.platforms.invite("BEC")).token)
        other.received.clear()
        watched.presence.seen(watched.hub.named("BEC").id)
        watched.partner.answers("GET", VERSIONS, Fault.HANG)
        watched.hub.clock.advance(SILENCE)
        watched.rounds.news.set()
        await watched.partner.receives("GET", VERSIONS)
        await other.receives("GET", VERSIONS)
        await watched.settles()
        assert watched.status is OFFLINE
        assert watched.hub.named("BEC").status is CONNECTED


async def test_a_database_that_fails_for_a_moment_does_not_end_the_watch(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    await fill_disk(watched.hub.database, "UPDATE", "platform")
    watched.partner.answers("GET", VERSIONS, Fault.CLOSE)
    await watched.passes(SILENCE)
    assert watched.status is CONNECTED
    assert "could not be written down" in caplog.text
    await watched.settles()
    assert watched.questions == 1
    await free_disk(watched.hub.database, "platform")
    await watched.passes(timedelta(seconds=2))
    assert watched.status is OFFLINE


async def test_the_watch_sleeps_until_somebody_is_due(watched: Watched) -> None:
    await watched.settles()
    assert timedelta(0) < watched.rounds.longest <= timedelta(seconds=30)


async def test_waiting_ends_with_the_event_or_with_the_time() -> None:
    event = asyncio.Event()
    async with asyncio.timeout(5):
        await wait_for(event, timedelta(milliseconds=1))
        event.set()
        await wait_for(event, timedelta(hours=1))


async def test_a_clock_that_is_set_back_leaves_nobody_offline(watched: Watched) -> None:
    await watched.goes_offline()
    watched.partner.is_honest_again()
    await watched.passes(timedelta(hours=-5))
    await until(lambda: watched.status is CONNECTED)
    watched.presence.unreachable(watched.platform_id)
    await watched.settles()
    before = watched.questions
    await watched.passes(timedelta(hours=-5))
    watched.presence.unreachable(watched.platform_id)
    await until(lambda: watched.questions > before)


async def test_a_clock_that_is_set_back_lets_nobody_be_silent_for_longer(watched: Watched) -> None:
    """And makes the hub ask nobody at once: with a thousand partners that would be a storm."""
    await watched.passes(timedelta(hours=-1))
    assert watched.questions == 0
    await watched.passes(SILENCE)
    assert watched.questions == 1


async def test_a_clock_that_is_set_forward_makes_the_hub_ask_once(watched: Watched) -> None:
    await watched.passes(timedelta(days=1))
    assert watched.questions == 1
    await watched.passes(SILENCE - timedelta(seconds=1))
    assert watched.questions == 1
