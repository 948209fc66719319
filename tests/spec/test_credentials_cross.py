"""Credentials that both sides change at the same moment, or on a full disk: nobody is locked out (AM-15)."""

import asyncio
from pathlib import Path

import pytest

from hub.store.database import opened
from tests.fixtures.full_disk import fill_disk
from tests.fixtures.recorder import Received, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, Roaming, roaming, settings

CREDENTIALS = "/partner/2.2.1/credentials"
DETAILS = "/partner/2.2.1"
#: How long a partner holds back its answer, so that what could come before it does.
A_MOMENT = 0.2


async def reach_each_other(world: Roaming) -> None:
    """The CPO takes the hub's token, and the hub the CPO's."""
    answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
    assert answer.code == 1000, answer.body
    answer = await world.cpo.call("GET", world.url("tokens", "SENDER"), to=EMSP, sender=CPO)
    assert answer.code == 1000, answer.body


def taken(partner: Recorder) -> Reply:
    """The answer to a PUT of credentials, by a partner that forgets nothing yet."""
    return Reply(partner.credentials(partner.accept_new_token()))


@pytest.mark.holds("AM-15", by="hub")
async def test_an_update_waits_for_one_that_the_hub_has_begun(world: Roaming) -> None:
    """The partner answers the hub's PUT before it has the answer to its own, and so goes by its own."""
    cpo = world.cpo
    has_begun, given = asyncio.Event(), ""

    async def while_it_updates(_received: Received) -> Reply:
        has_begun.set()
        await asyncio.sleep(A_MOMENT)
        return taken(cpo)

    async def update() -> None:
        nonlocal given
        await has_begun.wait()
        given = cpo.accept_new_token()
        answer = await cpo.call("PUT", cpo.far_end["credentials", "SENDER"], cpo.credentials(given))
        cpo.outbound_token = answer.data["token"]

    cpo.answers("PUT", CREDENTIALS, while_it_updates, times=1)
    async with asyncio.TaskGroup() as both:
        both.create_task(world.hub.registering.update_at("cpo"))
        both.create_task(update())
    cpo.accepted_tokens = {given}
    await reach_each_other(world)


@pytest.mark.holds("AM-15", by="hub")
async def test_of_updates_that_cross_either_token_reaches_the_platform(world: Roaming) -> None:
    """The hub begins while it reads the partner's details; the answer to the partner's PUT comes last."""
    cpo = world.cpo
    given, is_done = cpo.accept_new_token(), asyncio.Event()
    async with asyncio.TaskGroup() as both:

        async def the_hub_begins(_received: Received) -> Reply:
            both.create_task(world.hub.registering.update_at("cpo"))
            await cpo.receives("PUT", CREDENTIALS)
            return Reply({"version": "2.2.1", "endpoints": cpo.offered()})

        async def afterwards(_received: Received) -> Reply:
            await is_done.wait()
            return taken(cpo)

        cpo.answers("PUT", CREDENTIALS, afterwards, times=1)
        cpo.answers("GET", DETAILS, the_hub_begins, times=1)
        answer = await cpo.call("PUT", cpo.far_end["credentials", "SENDER"], cpo.credentials(given))
        is_done.set()
    cpo.outbound_token, cpo.accepted_tokens = answer.data["token"], {given}
    await reach_each_other(world)


@pytest.mark.holds("AM-15", by="hub")
async def test_a_token_that_comes_while_the_one_before_is_tried_is_not_lost(world: Roaming) -> None:
    cpo = world.cpo
    shown_to_hub, before = cpo.outbound_token, set(cpo.accepted_tokens)
    await cpo.update()
    cpo.outbound_token, cpo.accepted_tokens = shown_to_hub, set(before)

    async def update_again(received: Received) -> Reply:
        if received.token not in before:
            return Reply(status=401, status_code=2000)
        await cpo.update()
        return Reply([], headers={"X-Total-Count": "0"})

    cpo.answers("GET", "/sender/locations", update_again)
    answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
    assert answer.code == 1000
    cpo.is_honest_again()
    cpo.accepted_tokens -= before
    await reach_each_other(world)


@pytest.mark.holds("AM-15", by="hub")
async def test_a_rotation_that_cannot_be_written_down_keeps_nobody_out(tmp_path: Path) -> None:
    async with roaming(tmp_path) as world:
        await world.cpo.update()
        async with opened(settings(tmp_path).database_url) as database:
            await fill_disk(database, "DELETE", "inbound_token")
        await reach_each_other(world)


@pytest.mark.holds("AM-15", by="hub")
async def test_an_answer_counts_although_it_cannot_be_written_down_which_token_it_was_for(
    tmp_path: Path,
) -> None:
    async with roaming(tmp_path) as world:
        shown_to_hub, before = world.cpo.outbound_token, set(world.cpo.accepted_tokens)
        await world.cpo.update()
        world.cpo.outbound_token, world.cpo.accepted_tokens = shown_to_hub, before
        async with opened(settings(tmp_path).database_url) as database:
            await fill_disk(database, "UPDATE", "platform")
        for _ in range(2):
            await reach_each_other(world)


@pytest.mark.holds("AM-15", by="hub")
async def test_of_two_updates_that_the_hub_begins_one_waits_for_the_other(world: Roaming) -> None:
    """An operator rotates the tokens while the hub tells of its new endpoints."""
    under_way = 0

    async def alone(_received: Received) -> Reply:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        await asyncio.sleep(A_MOMENT)
        under_way -= 1
        return taken(world.cpo)

    world.cpo.answers("PUT", CREDENTIALS, alone)
    async with asyncio.TaskGroup() as both:
        for _ in range(2):
            both.create_task(world.hub.registering.update_at("cpo"))
    puts = world.cpo.all("PUT", CREDENTIALS)
    assert len(puts) == 2
    world.cpo.outbound_token = puts[-1].value["token"]
    await reach_each_other(world)
