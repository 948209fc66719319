"""Who gets what is sent to the hub for everybody, role by role (RT-31 to RT-34; 2.2.1, Broadcast Push)."""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.store.journal import JournalEntry
from hub.web.app import running_hub
from tests.fixtures.recorder import Answered, Recorder, Reply
from tests.fixtures.roaming import HUB, LOCATION, TARIFF, TOKEN, Roaming, joined, roaming, settings
from tests.fixtures.waiting import until

ROLES = ("CPO", "EMSP", "NSP", "NAP", "OTHER", "SCSP")
LATER = "2026-01-01T12:00:00Z"
#: Two platforms of each role: the first of them sends, and neither it nor others of its role get anything.
PARTIES = {f"{role}{number}": (role, role[:2], f"{role[:2]}{number}") for role in ROLES for number in "12"}
TO_DRIVERS = {"EMSP1", "EMSP2", "NSP1", "NSP2", "OTHER1", "OTHER2"}
CASES: list[tuple[str, str, set[str]]] = [
    ("CPO1", "locations", TO_DRIVERS | {"NAP1", "NAP2"}),
    ("CPO1", "tariffs", TO_DRIVERS | {"NAP1", "NAP2"}),
    ("NAP1", "locations", TO_DRIVERS),
    ("NAP1", "tariffs", TO_DRIVERS),
    ("EMSP1", "tokens", {"CPO1", "CPO2"}),
    ("OTHER1", "tokens", {"CPO1", "CPO2"}),
]
#: Roles that own no such objects: nobody gets theirs.
REFUSED = [
    ("EMSP1", "locations"),
    ("NSP1", "tariffs"),
    ("SCSP1", "locations"),
    ("OTHER1", "locations"),
    ("CPO1", "tokens"),
    ("NSP1", "tokens"),
    ("NAP1", "tokens"),
]
OBJECTS: dict[str, tuple[str, dict[str, Any]]] = {
    "locations": ("LOC1", LOCATION),
    "tariffs": ("T1", TARIFF),
    "tokens": ("012345678", TOKEN),
}


@dataclass(frozen=True, slots=True)
class Everybody:
    """A hub with partners of every role."""

    hub_url: str
    partners: dict[str, Recorder]

    async def push(self, sender: str, module: str, method: str = "PUT", **change: Any) -> Answered:
        """An object of this partner's, sent to the hub."""
        _, country_code, party_id = PARTIES[sender]
        object_id, whole = OBJECTS[module]
        own = {"country_code": country_code, "party_id": party_id}
        value = whole | own | change if method == "PUT" else change
        body = {} if method == "DELETE" else {"value": value}
        url = f"{self.hub_url}/ocpi/2.2.1/receiver/{module}/{country_code}/{party_id}/{object_id}"
        return await self.partners[sender].call(
            method, url, to=HUB, sender=f"{country_code}/{party_id}", **body
        )

    def who_got(self, module: str, method: str = "PUT") -> list[str]:
        """The partners that got it, as often as they did."""
        fragment = f"/receiver/{module}/"
        return sorted(name for name, each in self.partners.items() for _ in each.all(method, fragment))


@pytest.fixture
async def everybody(tmp_path: Path) -> AsyncIterator[Everybody]:
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(running_hub(settings(tmp_path), log=None))
        partners = {}
        for name, role in PARTIES.items():
            made = await stack.enter_async_context(Recorder([role]))
            partners[name] = await joined(hub, made, name)
        yield Everybody(hub.public_url, partners)


@pytest.mark.holds("RT-31", "RT-32", "RT-33", "RT-34", "AM-57", by="hub")
@pytest.mark.holds("RT-35", "RT-37", by="hub")
async def test_a_broadcast_goes_to_the_opposite_roles_once_each_and_to_nobody_else(
    everybody: Everybody,
) -> None:
    """Whoever sends: the last push of each kind is awaited at everybody, then all is counted."""
    for sender, module, expected in CASES:
        before = everybody.who_got(module)
        answer = await everybody.push(sender, module)
        assert (answer.status, answer.code) == (201, 1000), (sender, module, answer.body)
        for name in expected:
            receiver = everybody.partners[name]
            mine = before.count(name)
            put = await receiver.receives("PUT", f"/receiver/{module}/", mine + 1)
            role, country_code, party_id = PARTIES[name]
            assert (put.to, put.sender) == (f"{country_code}/{party_id}", HUB), (sender, module, role)
            assert f"/{PARTIES[sender][1]}/{PARTIES[sender][2]}/" in put.path
        assert everybody.who_got(module) == sorted([*before, *expected]), (sender, module)


@pytest.mark.holds("RT-32", "RT-33", "AM-57", by="hub")
async def test_a_role_that_owns_no_such_objects_broadcasts_none(everybody: Everybody) -> None:
    for sender, module in REFUSED:
        answer = await everybody.push(sender, module)
        assert (answer.status, answer.code) == (200, 2000), (sender, module)
        assert PARTIES[sender][2] in answer.envelope["status_message"]
    # What was accepted after that has come, and nothing before it.
    await everybody.push("CPO1", "locations")
    await everybody.partners["EMSP1"].receives("PUT", "/receiver/locations/")
    assert everybody.who_got("tokens") == everybody.who_got("tariffs") == []
    assert everybody.who_got("locations").count("EMSP1") == 1


@pytest.mark.holds("RT-41", "RT-42", "TR-23", by="hub")
async def test_each_receiver_gets_what_it_needs(everybody: Everybody) -> None:
    """One has the object and gets the PATCH, one lacks it and gets it whole; a tariff is deleted at all."""
    await everybody.push("CPO1", "locations")
    await everybody.push("CPO1", "tariffs")
    has, lacks = everybody.partners["EMSP1"], everybody.partners["EMSP2"]
    for receiver in (has, lacks):
        await receiver.receives("PUT", "/receiver/locations/")
        await receiver.receives("PUT", "/receiver/tariffs/")
    lacks.answers("PATCH", "/receiver/locations/", Reply(status=404, status_code=2003))
    lacks.answers("DELETE", "/receiver/tariffs/", Reply(status=404, status_code=2001))
    assert (await everybody.push("CPO1", "locations", "PATCH", name="New", last_updated=LATER)).code == 1000
    whole = await lacks.receives("PUT", "/receiver/locations/", 2)
    assert (whole.value["name"], whole.value["address"]) == ("New", LOCATION["address"])
    patch = await has.receives("PATCH", "/receiver/locations/")
    assert patch.value == {"name": "New", "last_updated": LATER}
    assert len(has.all("PUT", "/receiver/locations/")) == 1
    assert (await everybody.push("CPO1", "tariffs", "DELETE")).code == 1000
    for name in TO_DRIVERS | {"NAP1", "NAP2"}:
        await everybody.partners[name].receives("DELETE", "/receiver/tariffs/")
    assert everybody.who_got("tariffs", "DELETE") == sorted(TO_DRIVERS | {"NAP1", "NAP2"})


@pytest.mark.holds("RT-43", "TR-19", by="hub")
async def test_each_leg_of_a_broadcast_has_an_id_of_its_own_and_the_stories(tmp_path: Path) -> None:
    """And the ids that the hub makes are UUIDs."""
    async with roaming(tmp_path) as world, Recorder([("EMSP", "DE", "AAA"), ("EMSP", "DE", "BBB")]) as two:
        await joined(world.hub, two, "two")
        await _put_location(world)
        await two.receives("PUT", "/receiver/locations/", 2)
        await world.emsp.receives("PUT", "/receiver/locations/")
        puts = [*two.all("PUT", "/receiver/locations/"), *world.emsp.all("PUT", "/receiver/locations/")]
        assert {each.correlation_id for each in puts} == {"story"}
        assert len({each.request_id for each in puts} | {"asked"}) == 4
        for each in puts:
            assert each.request_id == str(uuid.UUID(each.request_id))


@pytest.mark.holds("TR-11", by="hub")
@pytest.mark.parametrize("data", [None, "x", 7, [], {"any": "thing"}])
async def test_whatever_data_a_receiver_adds_to_its_yes_it_is_a_yes(tmp_path: Path, data: object) -> None:
    """It is delivered: nothing is sent again, and nothing lies among what was refused."""
    async with roaming(tmp_path) as world:
        world.emsp.answers("PUT", "/receiver/", Reply(data))
        await _put_location(world)
        url = world.url("tariffs", "RECEIVER", "/BE/BEC/T1")
        await world.cpo.call("PUT", url, TARIFF, to=HUB, sender="BE/BEC")
        await world.emsp.receives("PUT", "/receiver/tariffs/")
        await until(lambda: len(deliveries(world)) > 1)
        assert len(world.emsp.all("PUT", "/receiver/locations/")) == 1
        assert [each.note for each in deliveries(world)] == ["", ""]


def deliveries(world: Roaming) -> list[JournalEntry]:
    """To the eMSP; the CPO is told at some moment that it is there."""
    return [each for each in world.journal if (each.purpose, each.platform) == ("delivery", "emsp")]


async def _put_location(world: Roaming) -> None:
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    ids = {"X-Request-ID": "asked", "X-Correlation-ID": "story"}
    answer = await world.cpo.call("PUT", url, LOCATION, to=HUB, sender="BE/BEC", headers=ids)
    assert answer.code == 1000
