"""Tariffs and locations: what everybody hears of them, and when."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.ocpi.backoff import Backoff
from hub.ocpi.party import Party
from partners.cpo.app import CpoNode
from partners.cpo.publication import published_location, with_status
from schemas.v2_2_1 import Status
from tests.fixtures.cpo_world import (
    CPO,
    HUB,
    connector,
    cpo_settings,
    evse,
    location,
    tariff,
    token,
    world,
)
from tests.fixtures.recorder import Recorder, Reply

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
LATER = FIRST + timedelta(days=1)
OWNER = Party("NL", "CPO")


def configured(*evses: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A location as the configuration has it."""
    settings = cpo_settings(locations=[location("square", *evses, **changes)])
    value: dict[str, Any] = dict(settings.configuration.locations[0])
    return value


# last_updated


@pytest.mark.holds("AM-20", by="cpo")
def test_what_has_not_changed_keeps_its_last_updated() -> None:
    """AM-20."""
    first = published_location(configured(), None, OWNER, FIRST)
    assert published_location(configured(), first, OWNER, LATER) == first


@pytest.mark.holds("LOC-02", by="cpo")
def test_a_change_of_a_connector_moves_its_evse_and_its_location_and_nothing_else() -> None:
    """LOC-02."""
    first = published_location(configured(), None, OWNER, FIRST)
    changed = evse("E1", "CP1", connectors=[connector(max_amperage=16)])
    second = published_location(configured(changed, evse("E2", "CP2")), first, OWNER, LATER)
    moved, unmoved = second["evses"]
    assert second["last_updated"] == moved["last_updated"] == moved["connectors"][0]["last_updated"]
    assert moved["last_updated"].startswith("2026-01-02")
    assert unmoved == first["evses"][1]


@pytest.mark.holds("LOC-09", by="cpo")
def test_an_evse_that_is_no_longer_configured_is_removed_for_good() -> None:
    """LOC-09."""
    first = published_location(configured(), None, OWNER, FIRST)
    second = published_location(configured(evse("E1", "CP1")), first, OWNER, LATER)
    assert [each["status"] for each in second["evses"]] == ["UNKNOWN", "REMOVED"]
    assert with_status(second, "E2", Status.AVAILABLE, LATER) is None


def test_a_status_survives_a_new_configuration() -> None:
    first = published_location(configured(), None, OWNER, FIRST)
    busy = with_status(first, "e1", Status.CHARGING, FIRST)
    assert busy is not None
    second = published_location(configured(name="New name"), busy, OWNER, LATER)
    assert second["evses"][0]["status"] == "CHARGING"
    assert second["evses"][0]["last_updated"] == busy["evses"][0]["last_updated"]
    assert second["last_updated"].startswith("2026-01-02")


# What the hub hears.


async def introduced(hub: Recorder, folder: Path, **changes: Any) -> None:
    """A CPO starts with this configuration, tells everything, and stops."""
    async with CpoNode(cpo_settings(folder, **changes)) as cpo:
        if not cpo.node.link.is_up:
            await cpo.register(hub.versions_url, hub.accept_new_token())
        await cpo.until_introduced()


@pytest.mark.holds("RT-28", "TR-25", by="cpo")
async def test_tariffs_come_before_the_locations_that_name_them_and_both_go_to_the_hub(
    tmp_path: Path,
) -> None:
    """RT-28, TR-25."""
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        await introduced(hub, tmp_path)
        told = [each for each in hub.received if each.method == "PUT"]
        assert [each.path.split("/receiver/")[1] for each in told] == [
            "tariffs/NL/CPO/standard",
            "locations/NL/CPO/square",
        ]
        assert {(each.to, each.sender) for each in told} == {(HUB, str(CPO))}
        assert hub.all("GET", "/sender/tokens")[0].to == HUB


@pytest.mark.holds("TAR-02", by="cpo")
async def test_a_tariff_that_is_used_no_more_is_deleted_after_the_locations_have_let_go_of_it(
    tmp_path: Path,
) -> None:
    """TAR-02."""
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        await introduced(hub, tmp_path)
        hub.received.clear()
        new = location("square", evse("E1", "CP1", connectors=[connector(tariff_ids=["new"])]))
        await introduced(hub, tmp_path, tariffs=[tariff(id="new")], locations=[new])
        told = [(each.method, each.path.split("/receiver/")[1]) for each in hub.all("*", "/receiver/")]
        assert told == [
            ("PUT", "tariffs/NL/CPO/new"),
            ("PUT", "locations/NL/CPO/square"),
            ("DELETE", "tariffs/NL/CPO/standard"),
        ]
        hub.received.clear()
        await introduced(hub, tmp_path, tariffs=[tariff(id="new")], locations=[new])
        assert hub.all("DELETE", "/receiver/") == []


async def test_a_location_that_is_given_up_is_told_with_all_its_evses_removed(tmp_path: Path) -> None:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        await introduced(hub, tmp_path)
        hub.received.clear()
        await introduced(hub, tmp_path, locations=[location("park", evse("P1", "CP9"))])
        square = next(
            each.value for each in hub.all("PUT", "/receiver/locations") if each.value["id"] == "square"
        )
        assert {each["status"] for each in square["evses"]} == {"REMOVED"}


async def test_everything_is_told_again_after_a_new_registration() -> None:
    async with world() as made, Recorder(roles=[("HUB", "HU", "HUB")]) as other:
        await made.cpo.node.unregister()
        await made.cpo.register(other.versions_url, other.accept_new_token())
        await other.receives("PUT", "/receiver/tariffs")
        await other.receives("PUT", "/receiver/locations")
        await other.receives("GET", "/sender/tokens")


async def test_a_hub_may_register_with_the_cpo() -> None:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub, CpoNode(cpo_settings()) as cpo:
        answer = await hub.register(cpo.versions_url, cpo.issue_token_a())
        assert answer.code == 1000
        await hub.receives("PUT", "/receiver/locations")
        await cpo.until_introduced()


async def test_a_hub_that_is_away_hears_of_it_when_it_is_back() -> None:
    async with world() as made:
        made.hub.answers("*", "/receiver/locations", Reply(status_code=3000))
        await made.charger()
        await made.hub.receives("PATCH", "/receiver/locations", 2)
        made.hub.answers("*", "/receiver/locations", Reply())
        await made.cpo.until(lambda: made.cpo.broadcast.is_settled)
        assert made.hub.all("PATCH", "/receiver/locations")[-1].value["status"] == "AVAILABLE"


@pytest.mark.holds("TR-23", by="cpo")
async def test_a_hub_that_lacks_the_location_gets_it_whole() -> None:
    """TR-23."""
    async with world() as made:
        made.hub.answers("PATCH", "/receiver/locations", Reply(status=404, status_code=2003))
        await made.charger()
        put = await made.hub.receives("PUT", "/receiver/locations")
        assert put.value["evses"][0]["status"] == "AVAILABLE"


async def test_a_sign_of_life_of_the_hub_ends_the_wait() -> None:
    patient = Backoff(timedelta(minutes=5), timedelta(minutes=10))
    async with world(tokens=(token(),), backoff=patient) as made:
        made.hub.answers("*", "/receiver/locations", Reply(status_code=3000))
        await made.charger()
        await made.hub.receives("PATCH", "/receiver/locations")
        made.hub.answers("*", "/receiver/locations", Reply())
        await made.push(token(last_updated="2026-02-01T00:00:00Z"))
        await made.hub.receives("PATCH", "/receiver/locations", 2)


def test_numbers_of_the_configuration_go_out_as_they_were_written() -> None:
    settings = cpo_settings()
    component = settings.configuration.tariffs[0]["elements"][0]["price_components"][1]
    assert str(component["price"]) == str(Decimal("0.3517"))
