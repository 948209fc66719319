"""What the eMSP reads of others' lists, and when: whole at first, then what changed (TR and SES rows)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from hub.ocpi.backoff import Backoff
from hub.ocpi.party import Party
from partners.emsp.app import EmspNode
from partners.emsp.provider import PullHabits
from partners.emsp.settings import EmspSettings
from partners.settings import NodeSettings
from tests.fixtures.clocks import Clock
from tests.fixtures.emsp_world import World, emsp_world
from tests.fixtures.recorder import Fault, Recorder, Reply
from tests.fixtures.samples import T1, cdr, cdr_token, location, session, tariff

AT_ONCE = Backoff(least=timedelta(milliseconds=1), most=timedelta(milliseconds=2))
HABITS = PullHabits(
    interval=timedelta(hours=6),
    whole_interval=timedelta(hours=24),
    overlap=timedelta(minutes=10),
    history=timedelta(days=31),
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def world(clock: Clock) -> AsyncIterator[World]:
    async with emsp_world(clock=clock, emsp={"pulling": HABITS}) as world:
        await world.hub_tells("BE/BEC")
        yield world


def since(world: World, module: str) -> list[str | None]:
    """The `date_from` of each GET of a list."""
    asked = world.hub.all("GET", f"/sender/{module}")
    return [parse_qs(each.query).get("date_from", [None])[0] for each in asked]


@pytest.mark.holds("TR-32", "TR-39", "AM-09", by="emsp")
async def test_a_list_is_read_whole_at_first_then_what_changed_and_whole_again_in_time(
    world: World, clock: Clock
) -> None:
    """With an overlap, since a hub may get an old object late."""
    for hours in (0, 6, 6, 12):
        clock.passes(hours=hours)
        await world.node.pull_changes()
    expected = [None, "2026-01-01T11:50:00Z", "2026-01-01T17:50:00Z", None]
    assert since(world, "locations") == since(world, "tariffs") == expected
    # CDRs are final: all of them are read once, later those of a month.
    assert since(world, "cdrs") == [*expected[:3], "2025-12-02T12:00:00Z"]


@pytest.mark.holds("SES-02", "AM-24", by="emsp")
async def test_sessions_are_never_asked_for_without_a_date(world: World, clock: Clock) -> None:
    for _ in range(2):
        await world.node.pull()
        clock.passes(hours=6)
        await world.node.pull_changes()
    dates = since(world, "sessions")
    assert len(dates) == 4
    assert dates[:2] == ["2025-12-01T12:00:00Z", "2026-01-01T11:50:00Z"]
    assert None not in dates


@pytest.mark.holds("RT-01", by="emsp")
async def test_sessions_and_cdrs_are_asked_of_each_cpo_that_is_connected(world: World) -> None:
    """Everybody's tariffs and locations are the hub's to list."""
    await world.hub_tells("BE/TWO")
    await world.hub_tells("BE/OFF", status="OFFLINE")
    await world.hub_tells("DE/EMS", role="EMSP")
    await world.node.pull()
    assert [each.to for each in world.hub.all("GET", "/sender/sessions")] == ["BE/BEC", "BE/TWO"]
    assert [each.to for each in world.hub.all("GET", "/sender/cdrs")] == ["BE/BEC", "BE/TWO"]
    assert {each.to for each in world.hub.all("GET", "/sender/locations")} == {"HU/HUB"}


async def test_what_was_read_can_be_used(world: World) -> None:
    world.lists("sessions", session(), session(id="S2", status="COMPLETED"))
    world.lists("cdrs", cdr())
    world.lists("tariffs", tariff())
    world.lists("locations", location())
    await world.node.pull()
    assert [each.id for each in world.node.sessions()] == ["S1", "S2"]
    (bill,) = world.node.bills()
    assert bill.agrees
    await world.call("PATCH", "sessions/receiver/BE/BEC/S1", {"status": "COMPLETED", "last_updated": T1})
    assert world.node.sessions()[0].status == "COMPLETED"


@pytest.mark.holds("TR-29", "AM-26", by="emsp")
async def test_what_a_push_would_not_be_taken_from_is_left_out_and_named(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.call("POST", "cdrs/receiver", cdr())
    ended = session(id="S0", status="COMPLETED")
    await world.call("PUT", "sessions/receiver/BE/BEC/S0", ended)
    foreign = cdr_token(party_id="XXX")
    world.lists("sessions", session(id="S0"), session(id="S9", cdr_token=foreign), session())
    world.lists("cdrs", cdr(currency="SEK"), cdr(id="C9", cdr_token=foreign), {"id": "C8"}, cdr(id="C2"))
    pulled = await world.node.pull()
    assert {what: (each.kept, each.refused) for what, each in pulled.items() if "BE/BEC" in what} == {
        "sessions of BE/BEC": (1, 2),
        "cdrs of BE/BEC": (1, 3),
    }
    assert [each.id for each in world.node.cdrs()] == ["C1", "C2"]
    assert world.node.cdrs()[0].currency == "EUR"
    for named in ("BE/BEC S0", "BE/BEC S9", "BE/BEC C1", "BE/BEC C9"):
        assert named in caplog.text


@pytest.mark.holds("TR-29", "TR-39", by="emsp")
async def test_what_is_listed_broken_is_not_gone(world: World) -> None:
    """We keep what we have of it."""
    world.lists("locations", location(), location(id="LOC2"))
    await world.node.pull()
    world.lists("locations", location(city=None), location(id="LOC2"))
    pulled = await world.node.pull()
    assert tuple(pulled["locations of HU/HUB"]) == (1, 1, 0)
    assert [each.id for each in world.node.locations()] == ["LOC1", "LOC2"]


@pytest.mark.holds("TR-39", "AM-51", by="emsp")
async def test_only_a_whole_list_shows_what_is_gone(world: World, clock: Clock) -> None:
    world.lists("locations", location(), location(id="LOC2"))
    await world.node.pull_changes()
    world.lists("locations", location(id="LOC2"))
    clock.passes(hours=1)
    await world.node.pull_changes()
    assert len(world.node.locations()) == 2
    clock.passes(hours=24)
    await world.node.pull_changes()
    assert [each.id for each in world.node.locations()] == ["LOC2"]


@pytest.mark.holds("TR-39", "AM-27", by="emsp")
@pytest.mark.parametrize(
    ("announced", "left"), [("2", ["LOC1", "LOC2"]), ("1", ["LOC1"]), ("many", ["LOC1"])]
)
async def test_a_list_that_is_cut_short_does_not_show_what_is_gone(
    world: World, clock: Clock, announced: str, left: list[str]
) -> None:
    world.lists("locations", location(), location(id="LOC2"))
    await world.node.pull()
    clock.passes(hours=1)
    short = Reply([location()], headers={"X-Total-Count": announced})
    world.hub.answers("GET", "/sender/locations", short)
    await world.node.pull()
    assert [each.id for each in world.node.locations()] == left


@pytest.mark.holds("TR-28", "RT-37", by="emsp")
async def test_objects_of_parties_that_the_hub_never_named_are_left_out(world: World) -> None:
    world.lists("locations", location(), location(id="LOC2", party_id="XXX"))
    pulled = await world.node.pull()
    assert tuple(pulled["locations of HU/HUB"]) == (1, 1, 0)
    await world.hub_tells("BE/XXX")
    await world.node.pull()
    assert [each.id for each in world.node.locations()] == ["LOC1", "LOC2"]


@pytest.mark.parametrize("trouble", [Reply(status_code=4002), Reply(status=404), Fault.CLOSE, Fault.HTML])
async def test_a_cpo_that_does_not_answer_keeps_nobody_else_from_being_read(
    world: World, clock: Clock, trouble: Reply | Fault
) -> None:
    """And is asked again from where it was read last."""
    await world.hub_tells("BE/TWO")
    await world.node.pull_changes()
    clock.passes(hours=6)
    world.hub.answers("GET", "/sender/sessions", trouble, times=1)
    world.hub.received.clear()
    await world.node.pull_changes()
    clock.passes(hours=6)
    await world.node.pull_changes()
    asked = world.hub.all("GET", "/sender/sessions")
    assert [each.to for each in asked] == ["BE/BEC", "BE/TWO"] * 2
    early, late = "2026-01-01T11:50:00Z", "2026-01-01T17:50:00Z"
    assert since(world, "sessions") == [early, early, early, late]


async def test_a_new_registration_reads_everything_anew(world: World, clock: Clock) -> None:
    await world.node.pull_changes()
    clock.passes(hours=1)
    await world.hub.register(world.node.versions_url, world.node.issue_token_a())
    await world.node.pull_changes()
    assert since(world, "locations") == [None, None]


@asynccontextmanager
async def in_step(node: EmspNode) -> AsyncIterator[None]:
    """The eMSP does what it does of its own accord."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(node.keep_in_step(lambda: 0.5))
        yield
        task.cancel()


def busy(clock: Clock) -> AbstractAsyncContextManager[World]:
    return emsp_world(clock=clock, emsp={"pulling": HABITS, "backoff": AT_ONCE})


class TestAfterAnOutage:
    """TR-32: what was pushed meanwhile is lost, so the lists are asked for what changed."""

    @pytest.mark.holds("TR-32", "HCI-12", by="emsp")
    async def test_of_a_cpo(self, clock: Clock) -> None:
        async with busy(clock) as world:
            await world.hub_tells("BE/BEC")
            async with in_step(world.node):
                await world.hub.receives("GET", "/sender/cdrs")
                await world.hub_tells("BE/BEC", status="OFFLINE")
                clock.passes(hours=1)
                await world.hub_tells("BE/BEC")
                await world.hub.receives("GET", "/sender/cdrs", 2)
            assert since(world, "sessions")[1] == since(world, "locations")[1] == "2026-01-01T11:50:00Z"

    @pytest.mark.holds("TR-32", by="emsp")
    async def test_of_the_hub(self, clock: Clock) -> None:
        async with busy(clock) as world:
            await world.node.pull_changes()
            clock.passes(hours=1)
            world.hub.answers("GET", "/sender/tariffs", Fault.CLOSE, times=2)
            world.hub.received.clear()
            async with in_step(world.node):
                await world.hub.receives("GET", "/sender/locations")
            assert since(world, "tariffs") == ["2026-01-01T11:50:00Z"] * 3

    @pytest.mark.holds("TR-32", by="emsp")
    async def test_of_ourselves(self, clock: Clock, tmp_path: Path) -> None:
        own = NodeSettings(party=Party("NL", "EMA"), name="eMSP A", database=tmp_path / "emsp.sqlite")
        settings = EmspSettings(node=own, pulling=HABITS, backoff=AT_ONCE)
        async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
            async with EmspNode(settings, clock=clock) as node:
                await node.register(hub.versions_url, hub.accept_new_token())
                await node.pull_changes()
            clock.passes(hours=3)
            hub.received.clear()
            async with EmspNode(settings, clock=clock) as node, in_step(node):
                asked = await hub.receives("GET", "/sender/locations")
            assert asked.query == "date_from=2026-01-01T11%3A50%3A00Z"


@pytest.mark.holds("HCI-11", by="emsp")
async def test_a_party_that_is_new_is_no_return(world: World) -> None:
    await world.hub_tells("BE/NEW")
    assert world.node.node.clients.returns == 0
    await world.hub_tells("BE/NEW", status="SUSPENDED")
    await world.hub_tells("BE/NEW")
    assert world.node.node.clients.returns == 1
