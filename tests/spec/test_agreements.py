"""Agreements: who may exchange what with whom, on every way through the hub (design D6; RT-13, HCI-06)."""

import itertools
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlmodel import func, select

from hub.directory.agreements import MODULES_OF_AGREEMENTS, Agreement
from hub.directory.directory import WhenUnreachable
from hub.ocpi.party import Party
from hub.ocpi.timestamps import parse_timestamp, utc_now
from hub.settings import PolicyMode
from hub.store.tables import ResyncRow
from hub.web.app import RunningHub, running_hub
from tests.fixtures.recorder import Answered, Recorder, Reply
from tests.fixtures.resting import at_rest
from tests.fixtures.roaming import (
    CPO,
    EMSP,
    HUB,
    LOCATION,
    OTHER_EMSP,
    TARIFF,
    TOKEN,
    Roaming,
    joined,
    roaming,
    settings,
)
from tests.fixtures.waiting import soon

LATER = "2026-01-01T12:00:00Z"
LOC1, T1, TOKEN1 = "/BE/BEC/LOC1", "/BE/BEC/T1", "/NL/TNM/012345678"
HAS = {
    "locations": (CPO, LOC1, LOCATION),
    "tariffs": (CPO, T1, TARIFF),
    "tokens": (EMSP, TOKEN1, TOKEN),
}
INTERFACE = re.compile(".*/(sender|receiver)/")
INFO_OF_CPO, INFO_OF_EMSP = "/receiver/hubclientinfo/BE/BEC", "/receiver/hubclientinfo/NL/TNM"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Roaming]:
    """A hub that asks for agreements, and two partners that have none."""
    async with roaming(tmp_path, settings(tmp_path, PolicyMode.AGREEMENTS)) as made:
        yield made


async def sign(hub: RunningHub, one: str, other: str, *modules: str, **moments: datetime | None) -> Agreement:
    first, second = (None if each == "*" else Party.parse(each) for each in (one, other))
    return await hub.signing.sign((first, second), modules, **moments)


async def broadcast(world: Roaming, *modules: str) -> None:
    """Each side tells the hub what it has."""
    for module in modules or HAS:
        party, tail, value = HAS[module]
        url = world.url(module, "RECEIVER", tail)
        sender = world.cpo if party == CPO else world.emsp
        assert (await sender.call("PUT", url, value, to=HUB, sender=party)).code == 1000


async def owed_anew(hub: RunningHub) -> int:
    """How much is owed because of agreements, as it is written down."""
    async with hub.signing._records._database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(ResyncRow))).scalar_one())


async def told_anew(hub: RunningHub) -> None:
    """Wait until all have heard what an agreement lets them hear; what comes meanwhile may come twice."""
    await soon(partial(owed_anew, hub), lambda count: count == 0)


def told(partner: Recorder, *but: str) -> list[str]:
    """What a partner was told or asked, in order, without the configuration modules."""
    return [
        f"{each.method} {INTERFACE.sub('', each.path)}"
        for each in partner.received
        if ("/receiver/" in each.path or "/sender/" in each.path) and "/hubclientinfo" not in each.path
        if not any(text in each.path for text in but)
    ]


def infos(partner: Recorder, fragment: str) -> list[str]:
    """The states in which it was told of another party."""
    return [each.value["status"] for each in partner.all("PUT", fragment)]


# Each way through the hub.


def read_locations(world: Roaming) -> Awaitable[Answered]:
    return world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)


def start(world: Roaming, to: str | None) -> Awaitable[Answered]:
    mine = f"{world.emsp.endpoint('commands', 'SENDER')}/START_SESSION/1"
    body = {"response_url": mine, "token": TOKEN, "location_id": "LOC1"}
    url = world.url("commands", "RECEIVER", "/START_SESSION")
    return world.emsp.call("POST", url, body, to=to, sender=EMSP)


def push_a_session(world: Roaming) -> Awaitable[Answered]:
    url = world.url("sessions", "RECEIVER", "/BE/BEC/S1")
    return world.cpo.call("PUT", url, {"id": "S1"}, to=EMSP, sender=CPO)


def authorize(world: Roaming) -> Awaitable[Answered]:
    return world.cpo.call("POST", world.url("tokens", "SENDER", "/012345678/authorize"), sender=CPO)


WAYS: dict[str, Callable[[Roaming], Awaitable[Answered]]] = {
    "direct, GET": read_locations,
    "direct, a command": lambda world: start(world, CPO),
    "direct, a push": push_a_session,
    "by content, a command": lambda world: start(world, None),
    "by content, an authorization": authorize,
}


@pytest.mark.holds("RT-13", "RT-48", by="hub")
@pytest.mark.parametrize("way", WAYS)
async def test_without_an_agreement_the_other_party_is_unknown(world: Roaming, way: str) -> None:
    """4001 as for a party that nobody has registered, and nothing goes out."""
    await broadcast(world)
    assert (await WAYS[way](world)).code == 4001
    assert told(world.cpo) == told(world.emsp) == []


@pytest.mark.parametrize("way", WAYS)
async def test_with_an_agreement_it_is_reached(world: Roaming, way: str) -> None:
    await broadcast(world)
    await sign(world.hub, EMSP, CPO)
    assert (await WAYS[way](world)).code == 1000


@pytest.mark.parametrize("way", WAYS)
async def test_in_an_open_hub_everybody_is_reached(tmp_path: Path, way: str) -> None:
    async with roaming(tmp_path) as world:
        await broadcast(world)
        await world.emsp.receives("PUT", f"/receiver/tariffs{T1}")
        await world.cpo.receives("PUT", f"/receiver/tokens{TOKEN1}")
        assert (await WAYS[way](world)).code == 1000


@pytest.mark.holds("RT-13", by="hub")
async def test_who_is_not_agreed_with_cannot_be_told_from_who_does_not_exist(world: Roaming) -> None:
    url = world.url("locations", "SENDER", "/LOC1")
    denied, unknown = [await world.emsp.call("GET", url, to=to, sender=EMSP) for to in (CPO, "BE/XXX")]
    said = [
        (each.status, each.code, each.envelope["status_message"].replace(to, "PARTY"))
        for each, to in ((denied, CPO), (unknown, "BE/XXX"))
    ]
    assert said[0] == said[1]


@pytest.mark.holds("RT-54", "HCI-06", by="hub")
async def test_without_an_agreement_nothing_is_delivered_and_nothing_is_seen(world: Roaming) -> None:
    """Broadcast, GET All, GET One, ClientInfo pushed and listed."""
    await broadcast(world)
    await world.hub.platforms.suspend("cpo")
    await world.hub.platforms.resume("cpo")
    await at_rest(world.hub)
    assert told(world.cpo) == told(world.emsp) == []
    assert infos(world.cpo, "") == infos(world.emsp, "") == []
    for partner, party, module in ((world.emsp, EMSP, "locations"), (world.cpo, CPO, "tokens")):
        listed = await partner.call("GET", world.url(module, "SENDER"), to=HUB, sender=party)
        assert (listed.data, listed.headers["X-Total-Count"]) == ([], "0")
        known = await partner.call("GET", world.url("hubclientinfo", "SENDER"))
        assert (known.data, known.headers["X-Total-Count"]) == ([], "0")
    one = await world.emsp.call("GET", world.url("locations", "SENDER", "/LOC1"), to=HUB, sender=EMSP)
    assert (one.status, one.code) == (404, 2003)


async def test_an_owner_sees_its_own_objects_without_any_agreement(world: Roaming) -> None:
    await broadcast(world)
    listed = await world.cpo.call("GET", world.url("locations", "SENDER"), to=HUB, sender=CPO)
    assert listed.data == [LOCATION]


@pytest.mark.holds("RT-54", by="hub")
async def test_an_agreement_is_about_its_modules_on_every_way(world: Roaming) -> None:
    await sign(world.hub, CPO, EMSP, "locations")
    await told_anew(world.hub)
    await broadcast(world)
    await world.emsp.receives("PUT", f"/receiver/locations{LOC1}")
    assert (await read_locations(world)).code == 1000
    assert (await start(world, CPO)).code == 4001
    await at_rest(world.hub)
    assert told(world.emsp) == [f"PUT locations{LOC1}"]
    assert told(world.cpo) == ["GET locations"]
    for module, seen in (("locations", [LOCATION]), ("tariffs", [])):
        listed = await world.emsp.call("GET", world.url(module, "SENDER"), to=HUB, sender=EMSP)
        assert listed.data == seen


# Signing.


@pytest.mark.holds("HCI-01", "HCI-06", "HCI-11", by="hub")
async def test_signing_tells_each_of_the_other_and_of_what_the_other_has(world: Roaming) -> None:
    """ClientInfo as it stands; objects whole, from the hub, as their owner spelled them; in one exchange."""
    await broadcast(world)
    await world.cpo.call(
        "PATCH", world.url("locations", "RECEIVER", LOC1), {"name": "New", "last_updated": LATER},
        to=HUB, sender=CPO,
    )  # fmt: skip
    # Whatever came before is behind everybody: a pump that is late would tell of it, too.
    await at_rest(world.hub)
    await sign(world.hub, EMSP, CPO)
    info = await world.emsp.receives("PUT", INFO_OF_CPO)
    assert (info.value["status"], info.value["role"]) == ("CONNECTED", "CPO")
    assert (info.to, info.sender) == (None, None)
    assert (await world.cpo.receives("PUT", INFO_OF_EMSP)).value["status"] == "CONNECTED"
    location = await world.emsp.receives("PUT", f"/receiver/locations{LOC1}")
    assert location.value == LOCATION | {"name": "New", "last_updated": LATER}
    assert (location.to, location.sender) == (EMSP, HUB)
    assert location.correlation_id == info.correlation_id
    assert (await world.emsp.receives("PUT", f"/receiver/tariffs{T1}")).value == TARIFF
    token = await world.cpo.receives("PUT", f"/receiver/tokens{TOKEN1}")
    assert (token.value, token.to, token.query) == (TOKEN, CPO, "")
    await at_rest(world.hub)
    assert sorted(told(world.emsp)) == [f"PUT locations{LOC1}", f"PUT tariffs{T1}"]
    assert told(world.cpo) == [f"PUT tokens{TOKEN1}"]


@pytest.mark.holds("TOK-03", by="hub")
async def test_a_first_sync_tells_the_type_of_a_token_that_is_no_rfid(world: Roaming) -> None:
    url = world.url("tokens", "RECEIVER", "/nl/tnm/a%2Fb?type=APP_USER")
    value = TOKEN | {"uid": "a/b", "type": "APP_USER", "country_code": "nl", "party_id": "tnm"}
    assert (await world.emsp.call("PUT", url, value, to=HUB, sender=EMSP)).code == 1000
    await sign(world.hub, EMSP, CPO)
    got = await world.cpo.receives("PUT", "/receiver/tokens/")
    assert (got.path.partition("/tokens")[2], got.query) == ("/nl/tnm/a%2Fb", "type=APP_USER")


async def test_only_the_new_counterparts_are_told(world: Roaming) -> None:
    async with Recorder([("EMSP", *OTHER_EMSP.split("/"))]) as second:
        await joined(world.hub, second, "second")
        await sign(world.hub, EMSP, CPO)
        await broadcast(world)
        await world.emsp.receives("PUT", "/receiver/tariffs")
        await at_rest(world.hub)
        before = len(world.emsp.received)
        await sign(world.hub, CPO, "*", "locations")
        await second.receives("PUT", f"/receiver/locations{LOC1}")
        await second.receives("PUT", INFO_OF_CPO)
        await world.cpo.receives("PUT", "/receiver/hubclientinfo/DE/ALL")
        await at_rest(world.hub)
        assert told(second) == [f"PUT locations{LOC1}"]
        assert len(world.emsp.received) == before


async def test_signing_means_nothing_to_an_open_hub(tmp_path: Path) -> None:
    async with roaming(tmp_path) as world:
        await broadcast(world)
        await world.emsp.receives("PUT", "/receiver/tariffs")
        await world.emsp.receives("PUT", "/receiver/locations")
        await world.cpo.receives("PUT", "/receiver/tokens")
        await at_rest(world.hub)
        before = [len(world.emsp.received), len(world.cpo.received)]
        await world.hub.signing.end((await sign(world.hub, EMSP, CPO)).id)
        await at_rest(world.hub)
        assert [len(world.emsp.received), len(world.cpo.received)] == before
        assert (await read_locations(world)).code == 1000


# Ending.


async def agreed(world: Roaming) -> Agreement:
    """An agreement of which everybody has heard everything."""
    made = await sign(world.hub, EMSP, CPO)
    await told_anew(world.hub)
    await broadcast(world)
    await world.emsp.receives("PUT", f"/receiver/tariffs{T1}")
    await world.cpo.receives("PUT", f"/receiver/tokens{TOKEN1}")
    await at_rest(world.hub)
    return made


@pytest.mark.holds("HCI-13", by="hub")
async def test_ending_takes_back_what_can_be_taken_back_and_forges_nothing(world: Roaming) -> None:
    """Tariffs have a DELETE, and ClientInfo PLANNED: no contract. No EVSE is REMOVED, no token invalid."""
    made = await agreed(world)
    ended = await world.hub.signing.end(made.id)
    delete = await world.emsp.receives("DELETE", f"/receiver/tariffs{T1}")
    assert (delete.to, delete.sender, delete.body) == (EMSP, HUB, b"")
    for partner, fragment in ((world.emsp, INFO_OF_CPO), (world.cpo, INFO_OF_EMSP)):
        await partner.until(lambda p=partner, f=fragment: infos(p, f) == ["CONNECTED", "PLANNED"])
        last = partner.all("PUT", fragment)[-1].value
        assert last["last_updated"][:19] == ended.ended_at.isoformat()[:19]
    await at_rest(world.hub)
    assert told(world.emsp)[2:] == [f"DELETE tariffs{T1}"]
    assert told(world.cpo) == [f"PUT tokens{TOKEN1}"]
    assert (await read_locations(world)).code == 4001
    known = await world.emsp.call("GET", world.url("hubclientinfo", "SENDER"))
    assert known.data == []


async def test_what_changes_after_the_end_is_not_told(world: Roaming) -> None:
    made = await agreed(world)
    await world.hub.signing.end(made.id)
    await world.emsp.receives("DELETE", f"/receiver/tariffs{T1}")
    await world.cpo.call(
        "PUT", world.url("tariffs", "RECEIVER", "/BE/BEC/T2"), TARIFF | {"id": "T2"}, to=HUB, sender=CPO
    )
    await world.cpo.call("DELETE", world.url("tariffs", "RECEIVER", T1), to=HUB, sender=CPO)
    await at_rest(world.hub)  # a platform that is suspended would be owed the rest for good
    await world.hub.platforms.suspend("cpo")
    await at_rest(world.hub, "emsp")
    assert told(world.emsp)[2:] == [f"DELETE tariffs{T1}"]
    assert infos(world.emsp, INFO_OF_CPO) == ["CONNECTED", "PLANNED"]


@pytest.mark.holds("HCI-04", by="hub")
async def test_who_left_for_good_stays_suspended_when_the_agreement_ends(world: Roaming) -> None:
    made = await agreed(world)
    await world.cpo.call("DELETE", world.cpo.far_end["credentials", "SENDER"])
    await world.hub.signing.end(made.id)
    # The hub owes nothing before it has read in its log what it owes.
    await world.emsp.receives("PUT", INFO_OF_CPO, 2)
    await at_rest(world.hub, "emsp")
    # Two changes that follow each other fast may come as one: the newest is what is told.
    before, *after = infos(world.emsp, INFO_OF_CPO)
    assert (before, set(after)) == ("CONNECTED", {"SUSPENDED"})


async def test_what_another_agreement_allows_is_not_taken_back(world: Roaming) -> None:
    made = await agreed(world)
    await sign(world.hub, CPO, "*", "tariffs")
    await world.hub.signing.end(made.id)
    assert (await read_locations(world)).code == 4001
    await at_rest(world.hub)
    # What is told at the moment of signing may be told twice: at least once is what was promised.
    assert set(told(world.emsp)) == {f"PUT locations{LOC1}", f"PUT tariffs{T1}"}
    assert infos(world.emsp, INFO_OF_CPO) == ["CONNECTED"]


@pytest.mark.holds("HCI-03", by="hub")
async def test_who_signs_again_is_told_again_and_of_a_later_state(world: Roaming) -> None:
    """A partner that keeps what was last updated last must not stay with PLANNED."""
    made = await agreed(world)
    await world.hub.signing.end(made.id)
    await world.emsp.receives("DELETE", f"/receiver/tariffs{T1}")
    await sign(world.hub, EMSP, CPO)
    await world.emsp.receives("PUT", f"/receiver/tariffs{T1}", 2)
    await world.emsp.receives("PUT", INFO_OF_CPO, 3)
    assert infos(world.emsp, INFO_OF_CPO) == ["CONNECTED", "PLANNED", "CONNECTED"]
    told_at = [each.value["last_updated"] for each in world.emsp.all("PUT", INFO_OF_CPO)]
    # As text "42.6Z" would come after "42.632Z".
    moments = [parse_timestamp(each) for each in told_at]
    assert moments == sorted(set(moments))
    url = world.url("hubclientinfo", "SENDER", f"?date_from={told_at[-1]}")
    assert [each["last_updated"] for each in (await world.emsp.call("GET", url)).data] == [told_at[-1]]


@pytest.mark.parametrize("kind", ["response_url", "next page"])
async def test_urls_of_the_hub_end_with_the_agreement(world: Roaming, kind: str) -> None:
    """CMD-08, PG-15: a result or a page that comes later finds nobody."""
    made = await sign(world.hub, EMSP, CPO)
    if kind == "response_url":
        await start(world, CPO)
        link = (await world.cpo.receives("POST", "/START_SESSION")).value["response_url"]
        user, method = world.cpo, "POST"
    else:
        more = f'<{world.cpo.endpoint("locations", "SENDER")}?offset=1>; rel="next"'
        world.cpo.answers("GET", "/sender/locations", Reply([], headers={"Link": more}))
        page = await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
        link = page.headers["Link"][1:].partition(">")[0]
        user, method = world.emsp, "GET"
    assert (await user.call(method, link, **({"value": {}} if method == "POST" else {}))).code == 1000
    before = len(told(world.cpo) + told(world.emsp))
    await world.hub.signing.end(made.id)
    assert (await user.call(method, link, **({"value": {}} if method == "POST" else {}))).code == 4001
    assert len(told(world.cpo, "/tariffs") + told(world.emsp, "/tariffs")) == before


# Moments.


async def test_an_agreement_begins_and_ends_by_itself(world: Roaming) -> None:
    """Requests, deliveries and ClientInfo follow without anybody's help."""
    await broadcast(world)
    begins_at = utc_now() + timedelta(seconds=0.3)
    until = begins_at + timedelta(seconds=1.5)
    await sign(world.hub, EMSP, CPO, begins_at=begins_at, until=until)
    early = await read_locations(world)
    assert early.code == 4001 or utc_now() >= begins_at
    await world.emsp.receives("PUT", f"/receiver/tariffs{T1}")
    assert utc_now() >= begins_at
    meanwhile = await read_locations(world)
    assert meanwhile.code == 1000 or utc_now() >= until
    await world.emsp.receives("DELETE", f"/receiver/tariffs{T1}")
    assert utc_now() >= until
    assert (await read_locations(world)).code == 4001
    await world.emsp.receives("PUT", INFO_OF_CPO, 2)
    assert infos(world.emsp, INFO_OF_CPO) == ["CONNECTED", "PLANNED"]


@pytest.mark.parametrize("missed", ["the beginning", "the end"])
async def test_what_the_hub_was_too_late_for_it_makes_up_for_when_it_starts(
    tmp_path: Path, missed: str
) -> None:
    """The hub of the next hour knows what was agreed to happen half an hour ago."""
    soon, an_hour = utc_now() + timedelta(minutes=30), timedelta(hours=1)
    async with AsyncExitStack() as partners:
        async with roaming(tmp_path, settings(tmp_path, PolicyMode.AGREEMENTS)) as world:
            partner = await kept(partners, world)
            await broadcast(world)
            moments = {"begins_at": soon} if missed == "the beginning" else {"until": soon}
            await sign(world.hub, OTHER_EMSP, CPO, **moments)
            if missed == "the end":
                await partner.receives("PUT", f"/receiver/tariffs{T1}")
            await at_rest(world.hub)
        later = running_hub(
            settings(tmp_path, PolicyMode.AGREEMENTS), log=None, clock=lambda: utc_now() + an_hour
        )
        async with later:
            method = "PUT" if missed == "the beginning" else "DELETE"
            await partner.receives(method, f"/receiver/tariffs{T1}")
            # Its CPO is away by now; whether the hub has found that out when it tells is a matter of luck.
            known = {"CONNECTED", "OFFLINE"} if missed == "the beginning" else {"PLANNED"}
            await partner.until(lambda: not known.isdisjoint(infos(partner, INFO_OF_CPO)))


async def kept(stack: AsyncExitStack, world: Roaming) -> Recorder:
    """A second eMSP, which outlives the hub."""
    partner = await stack.enter_async_context(Recorder([("EMSP", *OTHER_EMSP.split("/"))]))
    return await joined(world.hub, partner, "second")


@pytest.mark.parametrize("act", ["signed", "ended"])
async def test_a_stop_between_signing_and_delivery_loses_nothing(tmp_path: Path, act: str) -> None:
    """Who was away gets the first sync, or the withdrawal, from the next process."""
    async with AsyncExitStack() as partners:
        async with roaming(tmp_path, settings(tmp_path, PolicyMode.AGREEMENTS)) as world:
            partner = await kept(partners, world)
            await broadcast(world)
            if act == "ended":
                made = await sign(world.hub, OTHER_EMSP, CPO)
                await partner.receives("PUT", f"/receiver/tariffs{T1}")
                await partner.receives("PUT", INFO_OF_CPO)
            await at_rest(world.hub)
            await partner.go_away()
            if act == "ended":
                await world.hub.signing.end(made.id)
            else:
                await sign(world.hub, OTHER_EMSP, CPO)
        await partner.come_back()
        partners.push_async_callback(partner.go_away)
        async with running_hub(settings(tmp_path, PolicyMode.AGREEMENTS), log=None):
            if act == "ended":
                await partner.receives("DELETE", f"/receiver/tariffs{T1}")
                await partner.until(lambda: "PLANNED" in infos(partner, INFO_OF_CPO))
            else:
                await partner.receives("PUT", f"/receiver/tariffs{T1}")
                await partner.receives("PUT", f"/receiver/locations{LOC1}")
                await partner.receives("PUT", INFO_OF_CPO)


async def test_a_platform_for_which_nothing_is_kept_pulls_when_it_is_back(world: Roaming) -> None:
    """TR-31: it is owed nothing while it is away, and its lists show what it may see."""
    await broadcast(world)
    await world.hub.platforms.arrange("emsp", when_unreachable=WhenUnreachable.NONE)
    await world.hub.platforms.suspend("emsp")
    await sign(world.hub, EMSP, CPO)
    limits = itertools.count(100)

    async def is_forgotten() -> bool:
        """What is owed to nobody is crossed out when the hub looks the next time: after any change."""
        await world.hub.platforms.arrange("cpo", rate_limit=next(limits))
        return await owed_anew(world.hub) == 0

    await soon(is_forgotten)
    await at_rest(world.hub)
    await world.hub.platforms.resume("emsp")
    listed = await world.emsp.call("GET", world.url("tariffs", "SENDER"), to=HUB, sender=EMSP)
    assert listed.data == [TARIFF]
    await at_rest(world.hub)
    assert told(world.emsp) == []


# Another policy.


async def test_a_hub_that_is_open_no_longer_takes_back_what_is_not_agreed(tmp_path: Path) -> None:
    async with AsyncExitStack() as partners:
        async with roaming(tmp_path) as world:
            partner = await kept(partners, world)
            await broadcast(world)
            await partner.receives("PUT", f"/receiver/tariffs{T1}")
            await at_rest(world.hub)
        async with running_hub(settings(tmp_path, PolicyMode.AGREEMENTS), log=None) as hub:
            await partner.receives("DELETE", f"/receiver/tariffs{T1}")
            await partner.until(lambda: infos(partner, INFO_OF_CPO)[-1:] == ["PLANNED"])
            await sign(hub, OTHER_EMSP, CPO, "tariffs")
            await partner.receives("PUT", f"/receiver/tariffs{T1}", 2)
            await at_rest(hub, "second")
        # What is told at the moment of signing may be told twice.
        taken_back = len(partner.all("DELETE", f"/receiver/tariffs{T1}"))
        async with running_hub(settings(tmp_path), log=None) as hub:
            await partner.receives("PUT", f"/receiver/locations{LOC1}", 2)
            await at_rest(hub, "second")
            assert len(partner.all("DELETE", f"/receiver/tariffs{T1}")) == taken_back
            assert partner.all("*", f"/receiver/tariffs{T1}")[-1].method == "PUT"


# Whatever was agreed.


@pytest.mark.holds("RT-54", "HCI-06", by="hub")
async def test_every_way_shows_the_same_as_a_look_at_the_papers(tmp_path: Path) -> None:
    """Random agreements of four parties: direct, by content, GET All, GET One, ClientInfo and deliveries."""
    chance = random.Random(7)  # noqa: S311 no secret
    cpos, emsps = (CPO, "FR/CPO"), (EMSP, OTHER_EMSP)
    async with (
        AsyncExitStack() as stack,
        roaming(tmp_path, settings(tmp_path, PolicyMode.AGREEMENTS)) as world,
    ):
        partners = {CPO: world.cpo, EMSP: world.emsp}
        for name, role, party in (("cpo 2", "CPO", cpos[1]), ("emsp 2", "EMSP", emsps[1])):
            made = await stack.enter_async_context(Recorder([(role, *party.split("/"))]))
            partners[party] = await joined(world.hub, made, name)
        for number, cpo in enumerate(cpos):
            country_code, party_id = cpo.split("/")
            value = LOCATION | {"id": f"L{number}", "country_code": country_code, "party_id": party_id}
            url = world.url("locations", "RECEIVER", f"/{cpo}/L{number}")
            assert (await partners[cpo].call("PUT", url, value, to=HUB, sender=cpo)).code == 1000
        for _ in range(4):
            papers = {frozenset(paper[:2]): paper for paper in random_papers(chance, (*cpos, *emsps, "*"))}
            seen = {party: len(partner.received) for party, partner in partners.items()}
            signed = [await sign(world.hub, one, other, *about) for one, other, about in papers.values()]
            await at_rest(world.hub)
            for emsp in emsps:
                await check_what_it_sees(world, partners[emsp], emsp, cpos, [*papers.values()], seen[emsp])
            for each in signed:
                await world.hub.signing.end(each.id)
            await at_rest(world.hub)


Paper = tuple[str, str, tuple[str, ...]]


def random_papers(chance: random.Random, parties: tuple[str, ...]) -> Iterator[Paper]:
    for _ in range(3):
        modules = chance.sample(MODULES_OF_AGREEMENTS, 4) if chance.random() < 0.7 else ()
        one, other = chance.sample(parties, 2)
        yield one, other, tuple(modules)


async def check_what_it_sees(
    world: Roaming, partner: Recorder, emsp: str, cpos: tuple[str, ...], papers: list[Paper], seen: int
) -> None:
    def covered(cpo: str, module: str | None) -> bool:
        return any(
            (module is None or not about or module in about)
            and any(a in {"*", cpo} and b in {"*", emsp} for a, b in ((one, other), (other, one)))
            for one, other, about in papers
        )

    locations = [f"L{number}" for number, cpo in enumerate(cpos) if covered(cpo, "locations")]
    listed = await partner.call("GET", world.url("locations", "SENDER"), to=HUB, sender=emsp)
    assert [each["id"] for each in listed.data] == locations
    known = await partner.call("GET", world.url("hubclientinfo", "SENDER"))
    others = {"/".join((each["country_code"], each["party_id"])) for each in known.data}
    assert others & set(cpos) == {cpo for cpo in cpos if covered(cpo, None)}

    def delivered() -> list[str]:
        pushed = [each for each in partner.received[seen:] if each.method == "PUT"]
        # What is told at the moment of signing may be told twice.
        return sorted({each.path[-2:] for each in pushed if "/locations/" in each.path})

    await partner.until(lambda: delivered() == locations)
    for number, cpo in enumerate(cpos):
        one = world.url("locations", "SENDER", f"/L{number}")
        is_visible = covered(cpo, "locations")
        assert ((await partner.call("GET", one, to=HUB, sender=emsp)).code == 1000) is is_visible
        direct = await partner.call("GET", world.url("locations", "SENDER"), to=cpo, sender=emsp)
        assert direct.code == (1000 if is_visible else 4001)
        by_content = world.url("locations", "SENDER", f"/L{number}")
        answer = await partner.call("GET", by_content, sender=emsp)
        assert (answer.code == 4001) is not is_visible
