"""Two hubs in a row: another hub speaks for parties that are not here, if an operator lets it (RT-10)."""

from collections.abc import AsyncIterator

import pytest

from hub.directory.directory import HubRole
from hub.registry.platforms import HandshakeFailed
from tests.fixtures.recorder import Recorder
from tests.fixtures.roaming import EMSP, Roaming, joined

FAR = "FR/FAR"


@pytest.fixture
async def other() -> AsyncIterator[Recorder]:
    async with Recorder([("CPO", "DE", "CPO"), ("HUB", "DE", "HUB")]) as other:
        yield other


@pytest.mark.holds("AM-12", by="hub")
async def test_nobody_becomes_another_hub_by_saying_so(world: Roaming, other: Recorder) -> None:
    """The answer names the field, and who can help; the token A is as good as before."""
    invitation = await world.hub.platforms.invite("other")
    answer = await other.register(world.hub.versions_url, invitation.token)
    assert (answer.status, answer.code) == (200, 2001)
    assert "/roles/1/role" in answer.envelope["status_message"]
    assert "operator" in answer.envelope["status_message"]
    assert not other.received
    await world.hub.platforms.arrange("other", hub_role=HubRole.ALLOWED)
    assert (await other.register(world.hub.versions_url, invitation.token)).code == 1000


async def test_nobody_becomes_another_hub_by_an_update(world: Roaming, other: Recorder) -> None:
    other.roles = [("CPO", "DE", "CPO")]
    await joined(world.hub, other, "other")
    other.roles = [("CPO", "DE", "CPO"), ("HUB", "DE", "HUB")]
    assert (await other.update()).code == 2001
    assert (await told(world, other)) == 2001


async def test_nobody_becomes_another_hub_when_this_one_begins(world: Roaming, other: Recorder) -> None:
    """CR-28: what the platform stored is undone there."""
    at = (other.versions_url, other.accept_new_token())
    with pytest.raises(HandshakeFailed, match="/roles/1/role"):
        await world.hub.registering.register_at("other", *at)
    assert other.all("DELETE", "/credentials")
    at = (other.versions_url, other.accept_new_token())
    made = await world.hub.registering.register_at("other", *at, hub_role=HubRole.ALLOWED)
    assert made.is_hub


@pytest.mark.holds("RT-10", by="hub")
async def test_another_hub_speaks_for_its_parties_as_long_as_the_operator_lets_it(
    world: Roaming, other: Recorder
) -> None:
    """The pairs stay those of the ends; without the leave it speaks for its own party alone."""
    await joined(world.hub, other, "other", HubRole.ALLOWED)
    assert await told(world, other) == 1000
    got = await world.emsp.receives("PUT", "/receiver/locations")
    assert (got.to, got.sender) == (EMSP, FAR)
    await world.hub.platforms.arrange("other", hub_role=HubRole.REFUSED)
    assert await told(world, other) == 2001
    assert len(world.emsp.all("PUT", "/receiver/locations")) == 1


async def told(world: Roaming, other: Recorder) -> int:
    """The OCPI code for a location of a far party, told to the eMSP by way of the other hub."""
    url = world.url("locations", "RECEIVER", f"/{FAR}/LOC1")
    return (await other.call("PUT", url, {"id": "LOC1"}, to=EMSP, sender=FAR)).code
