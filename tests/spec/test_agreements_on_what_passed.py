"""Agreements and GET All of what passed: Sessions and CDRs, for whom a paper says so (RT-13, RT-54)."""

import itertools
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from hub.directory.agreements import MODULES_OF_AGREEMENTS, Agreement
from hub.ocpi.party import Party
from hub.settings import PolicyMode
from hub.web.app import RunningHub
from tests.fixtures.lists import listed, listed_soon
from tests.fixtures.recorder import Recorder
from tests.fixtures.roaming import CPO, EMSP, OTHER_EMSP, Roaming, joined, roaming, settings
from tests.fixtures.samples import cdr, cdr_token, session

OTHER_CPO = "FR/CPO"
CPOS, EMSPS = (CPO, OTHER_CPO), (EMSP, OTHER_EMSP)
PAIRS = list(itertools.product(CPOS, EMSPS))
KEPT = ("sessions", "cdrs")
#: One party, another, and the modules that their paper is about; none means all.
Paper = tuple[str, str, tuple[str, ...]]


def codes(party: str) -> dict[str, str]:
    country_code, party_id = party.split("/")
    return {"country_code": country_code, "party_id": party_id}


def name(emsp: str) -> str:
    """The id of what a CPO sends to an eMSP."""
    return f"FOR-{emsp[:2]}"


async def sign(hub: RunningHub, paper: Paper) -> Agreement:
    first, second = (None if each == "*" else Party.parse(each) for each in paper[:2])
    return await hub.signing.sign((first, second), paper[2])


async def send(world: Roaming, partner: Recorder, cpo: str, emsp: str) -> None:
    """A session and its CDR, as long as the two may."""
    of = {"id": name(emsp), **codes(cpo), "cdr_token": cdr_token(**codes(emsp))}
    url = world.url("sessions", "RECEIVER", f"/{cpo}/{name(emsp)}")
    assert (await partner.call("PUT", url, session(**of), to=emsp, sender=cpo)).code == 1000
    url = world.url("cdrs", "RECEIVER")
    assert (await partner.call("POST", url, cdr(**of), to=emsp, sender=cpo)).code == 1000


def papers(chance: random.Random) -> Iterator[Paper]:
    for _ in range(3):
        one, other = chance.sample((*CPOS, *EMSPS, "*"), 2)
        about = chance.sample(MODULES_OF_AGREEMENTS, 4) if chance.random() < 0.7 else ()
        yield one, other, tuple(about)


def is_covered(signed: list[Paper], cpo: str, emsp: str, module: str) -> bool:
    return any(
        (not about or module in about)
        and any(a in {"*", cpo} and b in {"*", emsp} for a, b in ((one, other), (other, one)))
        for one, other, about in signed
    )


def shown(found: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Owner and id of each."""
    return {(f"{each['country_code']}/{each['party_id']}", each["id"]) for each in found}


@pytest.mark.holds("RT-13", "RT-54", by="hub")
async def test_get_all_of_sessions_and_cdrs_shows_what_the_papers_say(tmp_path: Path) -> None:
    """An eMSP sees its own of those it has an agreement with about just that; a CPO sees all of its own."""
    chance = random.Random(11)  # noqa: S311 no secret
    seen_and_not = set()
    async with (
        AsyncExitStack() as stack,
        roaming(tmp_path, settings(tmp_path, PolicyMode.AGREEMENTS)) as world,
    ):
        partners = {CPO: world.cpo, EMSP: world.emsp}
        for role, party in (("CPO", OTHER_CPO), ("EMSP", OTHER_EMSP)):
            made = await stack.enter_async_context(Recorder([(role, *party.split("/"))]))
            partners[party] = await joined(world.hub, made, party.replace("/", "-"))
        everybody = await sign(world.hub, ("*", "*", ()))
        for cpo, emsp in PAIRS:
            await send(world, partners[cpo], cpo, emsp)
        for party, module in itertools.product(partners, KEPT):
            await listed_soon(world, partners[party], party, module, lambda found: len(found) == 2)
        await world.hub.signing.end(everybody.id)
        for _ in range(4):
            about = list({frozenset(each[:2]): each for each in papers(chance)}.values())
            signed = [await sign(world.hub, each) for each in about]
            for emsp, module in itertools.product(EMSPS, KEPT):
                found = shown(await listed(world, partners[emsp], emsp, module))
                wanted = {(cpo, name(emsp)) for cpo in CPOS if is_covered(about, cpo, emsp, module)}
                assert found == wanted, (emsp, module, about)
                seen_and_not.add(len(found))
            for cpo, module in itertools.product(CPOS, KEPT):
                found = shown(await listed(world, partners[cpo], cpo, module))
                assert found == {(cpo, name(emsp)) for emsp in EMSPS}
            for each in signed:
                await world.hub.signing.end(each.id)
    assert seen_and_not == {0, 1, 2}
