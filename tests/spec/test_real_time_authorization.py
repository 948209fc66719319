"""May this token charge? Where nobody is known to own it, all are asked at once (RT-51, TOK-22)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.settings import PolicyMode
from tests.fixtures.clocks import Clock
from tests.fixtures.crowd import LONG, OTHER_CPO, THIRD_EMSP, Crowd, crowd
from tests.fixtures.recorder import Answered, Behaviour, Fault, Received, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, OTHER_EMSP, TOKEN, joined

EMSPS = (EMSP, OTHER_EMSP, THIRD_EMSP)
UNKNOWN = Reply(status=404, status_code=2004)
#: Long enough for an answer on a busy machine, short enough to be waited for.
SHORT = timedelta(milliseconds=700)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Crowd]:
    async with crowd(tmp_path, CPO, *EMSPS, deadline=LONG) as made:
        yield made


def info(party: str, allowed: str = "ALLOWED", **token: Any) -> Reply:
    """What an eMSP says of its own token."""
    country_code, party_id = party.split("/")
    owned = TOKEN | {"country_code": country_code, "party_id": party_id} | token
    return Reply({"allowed": allowed, "token": owned})


def says(world: Crowd, **behaviours: Behaviour) -> None:
    """What each eMSP answers: by its party id."""
    for party in EMSPS:
        world[party].answers("POST", "/authorize", behaviours[party.partition("/")[2]])


async def asks(world: Crowd, asker: str = CPO, **more: Any) -> Answered:
    """The answer to a question about a token."""
    path = f"sender/tokens/{TOKEN['uid']}/authorize"
    return await world.sends(asker, "POST", path, {"location_id": "LOC1"}, **more)


def asked(world: Crowd) -> dict[str, int]:
    """How often each eMSP was asked."""
    return {party: len(world.got(party, "/authorize")) for party in EMSPS}


@pytest.mark.holds("RT-46", "RT-47", "RT-51", "TOK-22", "AM-53", by="hub")
async def test_the_first_yes_is_the_answer_whatever_others_say_or_do_not_say(world: Crowd) -> None:
    said_no = asyncio.Event()

    def no(_received: Received) -> Reply:
        said_no.set()
        return info(OTHER_EMSP, "BLOCKED")

    async def yes_after_no(_received: Received) -> Reply:
        await said_no.wait()
        return info(EMSP)

    says(world, TNM=yes_after_no, ALL=no, TRD=Fault.HANG)
    async with Recorder([("EMSP", "SE", "OFF")]) as offline:
        await joined(world.hub, offline, "offline")
        await offline.go_away()
        answer = await asks(world, headers={"X-Request-ID": "asked", "X-Correlation-ID": "story"})
    assert (answer.status, answer.code, answer.data) == (200, 1000, info(EMSP).data)
    assert (answer.to, answer.sender, answer.headers["X-Request-ID"]) == (CPO, EMSP, "asked")
    assert asked(world) == dict.fromkeys(EMSPS, 1)
    got = {party: world.got(party, "/authorize")[0] for party in EMSPS}
    for party, request in got.items():
        assert (request.to, request.sender, request.value) == (party, CPO, {"location_id": "LOC1"})
        assert request.correlation_id == "story"
    assert len({request.request_id for request in got.values()} | {"asked"}) == 4
    legs = {each.to_party: each for each in world.journal if each.correlation_id == "story" and each.to_party}
    assert set(legs) == {*EMSPS, "SE/OFF"}
    assert "not waited for" in legs[THIRD_EMSP].note


@pytest.mark.holds("RT-51", by="hub")
async def test_all_are_asked_at_the_same_time(world: Crowd) -> None:
    everybody_is_asked = asyncio.Barrier(len(EMSPS))

    def together(party: str) -> Behaviour:
        async def behaviour(_received: Received) -> Reply:
            await everybody_is_asked.wait()
            return info(party) if party == THIRD_EMSP else UNKNOWN

        return behaviour

    says(world, **{party.partition("/")[2]: together(party) for party in EMSPS})
    assert (await asks(world)).sender == THIRD_EMSP


@pytest.mark.holds("RT-51", "TOK-10", by="hub")
@pytest.mark.parametrize(
    ("word", "third"),
    [
        ("BLOCKED", Fault.HANG),
        ("BLOCKED", Fault.CLOSE),
        ("EXPIRED", UNKNOWN),
        ("NO_CREDIT", UNKNOWN),
        ("NOT_ALLOWED", Reply(status_code=2002)),
        ("A_NEW_WORD", Fault.HTML),
    ],
)
async def test_a_no_is_the_answer_where_nobody_says_yes_in_time(
    tmp_path: Path, word: str, third: Behaviour
) -> None:
    async with crowd(tmp_path, CPO, *EMSPS, deadline=SHORT) as world:
        says(world, TNM=UNKNOWN, ALL=info(OTHER_EMSP, word), TRD=third)
        answer = await asks(world)
        assert (answer.status, answer.code, answer.sender) == (200, 1000, OTHER_EMSP)
        assert answer.data["allowed"] == word


@pytest.mark.holds("RT-51", "TOK-12", by="hub")
async def test_an_emsp_that_wants_to_know_the_location_is_heard(world: Crowd) -> None:
    says(world, TNM=UNKNOWN, ALL=Reply(status_code=2002, status_message="where?"), TRD=Fault.HTML)
    answer = await asks(world)
    assert (answer.code, answer.envelope["status_message"], answer.sender) == (2002, "where?", OTHER_EMSP)


@pytest.mark.holds("RT-51", "TOK-11", "AM-25", by="hub")
@pytest.mark.parametrize("third", [UNKNOWN, Reply(status_code=2004), Fault.CLOSE, Fault.HANG])
async def test_a_token_that_nobody_knows_is_not_found(tmp_path: Path, third: Behaviour) -> None:
    async with crowd(tmp_path, CPO, *EMSPS, deadline=SHORT) as world:
        says(world, TNM=UNKNOWN, ALL=UNKNOWN, TRD=third)
        answer = await asks(world)
        assert (answer.status, answer.code, "data" in answer.envelope) == (404, 2004, False)
        assert (answer.to, answer.sender) == (CPO, HUB)


@pytest.mark.holds("RT-51", "TOK-19", by="hub")
async def test_when_nobody_answers_in_time_the_hub_says_so(tmp_path: Path) -> None:
    # Each of them might take as long as any request; all together have their own deadline.
    async with crowd(tmp_path, CPO, *EMSPS, deadline=SHORT, relay=10 * LONG) as world:
        says(world, TNM=Fault.HANG, ALL=Fault.HANG, TRD=Fault.CLOSE)
        answer = await asks(world)
        assert (answer.status, answer.code, answer.sender) == (200, 4002, HUB)
        assert asked(world) == dict.fromkeys(EMSPS, 1)


@pytest.mark.holds("RT-14", "TOK-20", by="hub")
async def test_when_all_are_away_the_hub_says_so_at_once(world: Crowd) -> None:
    for party in EMSPS:
        await world[party].go_away()
    for _ in range(2):
        async with asyncio.timeout(1):
            answer = await asks(world)
        assert (answer.status, answer.code) == (200, 4003)


@pytest.mark.holds("RT-51", by="hub")
@pytest.mark.parametrize(
    "lie",
    [
        info(EMSP),
        info(OTHER_EMSP, uid="another"),
        Reply({"allowed": "ALLOWED"}),
        Reply({"allowed": True}),
        Reply(["ALLOWED"]),
        Reply("ALLOWED"),
    ],
)
async def test_a_yes_to_a_token_of_somebody_else_is_nobodys_word(world: Crowd, lie: Reply) -> None:
    says(world, TNM=UNKNOWN, ALL=lie, TRD=UNKNOWN)
    answer = await asks(world)
    assert (answer.status, answer.code) == (404, 2004)


@pytest.mark.holds("RT-18", "RT-51", by="hub")
async def test_only_emsps_that_offer_it_are_asked(world: Crowd) -> None:
    says(world, TNM=UNKNOWN, ALL=info(OTHER_EMSP), TRD=UNKNOWN)
    async with (
        Recorder([("EMSP", "SE", "BAR")], endpoints=[("locations", "RECEIVER")]) as bare,
        Recorder([("OTHER", "SE", "OTH")]) as other,
        Recorder([("CPO", *OTHER_CPO.split("/"))]) as rival,
    ):
        others = {"bare": bare, "other": other, "rival": rival}
        for name, recorder in others.items():
            await joined(world.hub, recorder, name)
        assert (await asks(world)).sender == OTHER_EMSP
        assert [recorder.all("POST", "/authorize") for recorder in others.values()] == [[], [], []]


# What is remembered.


@pytest.mark.holds("RT-51", "TOK-19", "TOK-22", by="hub")
async def test_who_knew_a_token_is_asked_alone_and_anew_each_time(tmp_path: Path) -> None:
    clock = Clock()
    async with crowd(tmp_path, CPO, *EMSPS, clock=clock, deadline=LONG) as world:
        says(world, TNM=UNKNOWN, ALL=info(OTHER_EMSP), TRD=UNKNOWN)
        assert (await asks(world)).data["allowed"] == "ALLOWED"
        before = asked(world)
        says(world, TNM=UNKNOWN, ALL=info(OTHER_EMSP, "BLOCKED"), TRD=UNKNOWN)
        answer = await asks(world)
        assert (answer.data["allowed"], answer.sender) == ("BLOCKED", OTHER_EMSP)
        assert asked(world) == before | {OTHER_EMSP: 2}

        says(world, TNM=info(EMSP), ALL=UNKNOWN, TRD=UNKNOWN)
        answer = await asks(world)
        assert (answer.status, answer.code, answer.sender) == (404, 2004, OTHER_EMSP)
        assert (await asks(world)).sender == EMSP

        clock.passes(hours=1)
        before = asked(world)
        says(world, TNM=UNKNOWN, ALL=UNKNOWN, TRD=info(THIRD_EMSP))
        assert (await asks(world)).sender == THIRD_EMSP
        assert asked(world)[THIRD_EMSP] == before[THIRD_EMSP] + 1


@pytest.mark.holds("RT-51", by="hub")
async def test_a_token_that_was_pushed_counts_more_than_who_knew_it(world: Crowd) -> None:
    says(world, TNM=UNKNOWN, ALL=info(OTHER_EMSP), TRD=UNKNOWN)
    assert (await asks(world)).sender == OTHER_EMSP
    await world.has_token(EMSP)
    assert (await asks(world)).sender == EMSP


@pytest.mark.holds("RT-51", "AM-53", by="hub")
async def test_nobody_is_bothered_twice_at_once_with_what_nobody_knows(tmp_path: Path) -> None:
    clock = Clock()
    async with crowd(tmp_path, CPO, *EMSPS, clock=clock, deadline=LONG) as world:
        says(world, TNM=UNKNOWN, ALL=UNKNOWN, TRD=UNKNOWN)
        for _ in range(2):
            answer = await asks(world)
            assert (answer.status, answer.code, answer.sender) == (404, 2004, HUB)
        assert asked(world) == dict.fromkeys(EMSPS, 1)

        async with Recorder([("EMSP", "SE", "NEW")]) as new:
            await joined(world.hub, new, "new")
            new.answers("POST", "/authorize", info("SE/NEW", "BLOCKED"))
            assert (await asks(world)).sender == "SE/NEW"
            await world.hub.platforms.remove("new")
        clock.passes(hours=1)
        before = asked(world)
        assert (await asks(world)).code == 2004
        assert asked(world) == {party: count + 1 for party, count in before.items()}


@pytest.mark.holds("TOK-19", by="hub")
async def test_a_token_that_is_known_to_be_valid_is_asked_about_all_the_same(world: Crowd) -> None:
    await world.has_token(EMSP)
    says(world, TNM=info(EMSP, "BLOCKED"), ALL=info(OTHER_EMSP), TRD=info(THIRD_EMSP))
    path = f"sender/tokens/{TOKEN['uid']}/authorize?type=RFID"
    answer = await world.sends(CPO, "POST", path, {"location_id": "LOC1"})
    assert (answer.data["allowed"], answer.sender) == ("BLOCKED", EMSP)
    (got,) = world.got(EMSP, "/authorize")
    assert (got.query, got.value) == ("type=RFID", {"location_id": "LOC1"})
    assert asked(world) == {EMSP: 1, OTHER_EMSP: 0, THIRD_EMSP: 0}


@pytest.mark.holds("TOK-20", by="hub")
async def test_an_owner_who_is_away_is_not_connected_at_once(world: Crowd) -> None:
    await world.has_token(EMSP)
    await world[EMSP].go_away()
    for _ in range(2):
        async with asyncio.timeout(1):
            assert (await asks(world)).code == 4003
    assert asked(world) == dict.fromkeys(EMSPS, 0)


@pytest.mark.holds("TOK-22", "AM-53", by="hub")
async def test_a_hub_that_keeps_cards_private_asks_only_who_owns_them(tmp_path: Path) -> None:
    async with crowd(tmp_path, CPO, EMSP, ask_all=False) as world:
        world[EMSP].answers("POST", "/authorize", info(EMSP))
        answer = await asks(world)
        assert (answer.status, answer.code, answer.sender) == (200, 4001, HUB)
        assert world.got(EMSP) == []
        await world.has_token(EMSP)
        answer = await asks(world)
        assert (answer.code, answer.sender) == (1000, EMSP)
        assert len(world.got(EMSP)) == 1


@pytest.mark.holds("RT-51", "TOK-22", by="hub")
async def test_only_those_in_agreement_with_the_asker_are_asked(tmp_path: Path) -> None:
    async with crowd(tmp_path, CPO, *EMSPS, deadline=LONG, policy=PolicyMode.AGREEMENTS) as world:
        await world.agree(CPO, EMSP)
        await world.agree(THIRD_EMSP, CPO, "tokens", "locations")
        await world.agree(OTHER_EMSP, CPO, "locations")
        says(world, TNM=UNKNOWN, ALL=info(OTHER_EMSP), TRD=info(THIRD_EMSP, "BLOCKED"))
        answer = await asks(world)
        assert (answer.sender, answer.data["allowed"]) == (THIRD_EMSP, "BLOCKED")
        assert asked(world) == {EMSP: 1, OTHER_EMSP: 0, THIRD_EMSP: 1}
