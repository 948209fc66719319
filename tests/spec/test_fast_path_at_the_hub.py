"""What waits for more than one answer goes the fast path, too: at the hub, at everybody, or at one party."""

import re
from pathlib import Path

from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, Roaming, roaming, settings


async def taken(world: Roaming) -> int:
    """How many requests went the fast path."""
    metrics = (await world.emsp.call("GET", f"{world.hub.admin_url}/metrics", token=None)).body.decode()
    found = re.search(r"^ocpi_hub_fast_requests (\d+)", metrics, re.MULTILINE)
    return 0 if found is None else int(found[1])


async def test_pushes_lists_and_objects_are_answered_at_the_entrance(tmp_path: Path) -> None:
    async with roaming(tmp_path) as world:
        if not settings(tmp_path).fast_path:
            return
        before = await taken(world)
        pushed = world.url("locations", "RECEIVER", f"/{CPO}/LOC1")
        first = await world.cpo.call("PUT", pushed, LOCATION, to=HUB, sender=CPO)
        second = await world.cpo.call("PUT", pushed, LOCATION, to=HUB, sender=CPO)
        assert [each.status for each in (first, second)] == [201, 200]
        listed = await world.emsp.call("GET", world.url("locations", "SENDER"), to=HUB, sender=EMSP)
        assert [each["id"] for each in listed.data] == ["LOC1"]
        assert listed.headers["X-Total-Count"] == "1"
        one = await world.emsp.call("GET", world.url("locations", "SENDER", "/LOC1"), to=HUB, sender=EMSP)
        assert one.data == listed.data[0]
        assert await taken(world) == before + 4
        await world.emsp.receives("PUT", "/locations/BE/BEC/LOC1")


async def test_what_waits_for_more_than_its_answer_goes_there_too(tmp_path: Path) -> None:
    async with roaming(tmp_path) as world:
        if not settings(tmp_path).fast_path:
            return
        before = await taken(world)
        await world.cpo.call("PUT", world.url("locations", "RECEIVER", f"/{CPO}/LOC1"), LOCATION, sender=CPO)
        await world.emsp.receives("PUT", "/locations/BE/BEC/LOC1")
        listed = await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
        assert listed.sender == CPO
        command = world.url("commands", "RECEIVER", "/UNLOCK_CONNECTOR")
        body = {
            "response_url": f"{world.emsp.url}/result",
            "location_id": "LOC1",
            "evse_uid": "E1",
            "connector_id": "1",
        }
        asked = await world.emsp.call("POST", command, body, to=CPO, sender=EMSP)
        assert asked.sender == CPO
        # It names nobody: the hub knows whose location that is.
        asked = await world.emsp.call("POST", command, body, sender=EMSP)
        assert asked.sender == CPO
        assert await taken(world) == before + 4


async def test_what_is_refused_there_is_refused_in_the_same_words(tmp_path: Path) -> None:
    async with roaming(tmp_path) as world:
        unknown = world.url("locations", "RECEIVER", f"/{CPO}/NONE")
        change = {"last_updated": "2026-01-02T00:00:00Z"}
        patched = await world.cpo.call("PATCH", unknown, change, to=HUB, sender=CPO)
        assert (patched.status, patched.code, patched.to) == (404, 2003, CPO)
        wrong = await world.cpo.call(
            "PUT", world.url("locations", "RECEIVER", f"/{CPO}/LOC1"), {"id": "LOC1"}, to=HUB, sender=CPO
        )
        assert (wrong.status, wrong.code, wrong.sender) == (200, 2001, HUB)
        one = await world.emsp.call("GET", world.url("locations", "SENDER", "/NONE"), to=HUB, sender=EMSP)
        assert (one.status, one.code) == (404, 2003)
        # The journal has each of them, with what was wrong.
        for each in (patched, wrong, one):
            (leg,) = world.noted(each.headers["X-Correlation-ID"])
            assert leg.note == each.envelope["status_message"]
            assert (leg.http_status, leg.status_code) == (each.status, each.code)
