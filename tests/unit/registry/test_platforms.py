"""What an operator does with platforms."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.directory.tokens import TokenPurpose
from hub.registry.platforms import NameTaken, NotAName, UnknownPlatform
from schemas.v2_2_1 import ConnectionStatus
from tests.fixtures.databases import everything_in
from tests.fixtures.recorder import Recorder
from tests.fixtures.registry_hub import RegistryHub, registry_hub


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RegistryHub]:
    async with registry_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
async def cpo(hub: RegistryHub) -> AsyncIterator[Recorder]:
    """A partner that is registered as TNM."""
    async with Recorder(roles=[("CPO", "NL", "TNM")]) as cpo:
        answer = await cpo.register(hub.versions_url, (await hub.platforms.invite("TNM")).token)
        assert answer.code == 1000
        assert await hub.announced() == ["NL/TNM CPO CONNECTED"]
        yield cpo


async def test_an_invitation_plans_a_platform_and_its_token_is_good_for_registration(
    hub: RegistryHub,
) -> None:
    """CR-02, HCI-15."""
    invitation = await hub.platforms.invite("Green Charge GmbH")
    platform = hub.named("Green Charge GmbH")
    assert platform.status is ConnectionStatus.PLANNED
    assert not platform.is_registered
    (token,) = hub.directory.value.inbound_tokens.values()
    assert (token.platform_id, token.purpose) == (platform.id, TokenPurpose.REGISTRATION)
    assert invitation.token not in repr(invitation)


async def test_tokens_are_not_kept_in_the_clear(hub: RegistryHub, cpo: Recorder, tmp_path: Path) -> None:
    """Design D10: neither A, B nor C stands in the files of the database."""
    token_a = (await hub.platforms.invite("next")).token
    written = everything_in(tmp_path)
    assert b"NL" in written
    for token in (token_a, cpo.outbound_token, *cpo.accepted_tokens):
        assert token is not None
        assert token.encode() not in written


async def test_a_name_is_given_once(hub: RegistryHub) -> None:
    await hub.platforms.invite("TNM")
    before = await hub.rows()
    with pytest.raises(NameTaken):
        await hub.platforms.invite("TNM")
    assert await hub.rows() == before


@pytest.mark.parametrize("name", ["", ".", "..", " ", " TNM", "TNM ", "a/b", "a\nb", "x" * 101])
async def test_a_name_can_stand_on_one_line_and_in_a_path(hub: RegistryHub, name: str) -> None:
    with pytest.raises(NotAName):
        await hub.platforms.invite(name)
    assert not hub.directory.value.platforms


async def test_nothing_can_be_done_with_a_platform_that_is_unknown(hub: RegistryHub) -> None:
    for act in (
        hub.platforms.suspend,
        hub.platforms.resume,
        hub.platforms.remove,
        hub.platforms.invite_again,
    ):
        with pytest.raises(UnknownPlatform, match="nobody"):
            await act("nobody")


@pytest.mark.usefixtures("cpo")
async def test_a_suspended_platform_comes_back_when_it_is_resumed(hub: RegistryHub) -> None:
    """HCI-15."""
    await hub.platforms.suspend("TNM")
    assert hub.named("TNM").is_blocked
    assert hub.named("TNM").status is ConnectionStatus.SUSPENDED
    assert await hub.announced() == ["NL/TNM CPO SUSPENDED"]
    await hub.platforms.resume("TNM")
    assert hub.named("TNM").is_connected
    assert await hub.announced() == ["NL/TNM CPO CONNECTED"]


async def test_a_suspended_platform_that_updates_stays_suspended(hub: RegistryHub, cpo: Recorder) -> None:
    """Whether it may call at all is decided at the edge; an update does not undo what a person did."""
    await hub.platforms.suspend("TNM")
    assert (await cpo.update()).code == 1000
    assert hub.named("TNM").status is ConnectionStatus.SUSPENDED


async def test_an_invited_platform_is_planned_again_when_it_is_resumed(hub: RegistryHub) -> None:
    await hub.platforms.invite("TNM")
    await hub.platforms.suspend("TNM")
    await hub.platforms.resume("TNM")
    assert hub.named("TNM").status is ConnectionStatus.PLANNED


async def test_a_platform_that_left_stays_suspended_when_it_is_resumed(
    hub: RegistryHub, cpo: Recorder
) -> None:
    await cpo.call("DELETE", hub.credentials_url)
    await hub.platforms.resume("TNM")
    assert hub.named("TNM").status is ConnectionStatus.SUSPENDED


@pytest.mark.usefixtures("cpo")
async def test_what_is_done_twice_is_announced_once(hub: RegistryHub) -> None:
    """HCI-03, HCI-16: last_updated moves only when something changes."""
    await hub.platforms.suspend("TNM")
    infos = await hub.client_infos()
    hub.clock.advance(timedelta(hours=1))
    await hub.announced()
    await hub.platforms.suspend("TNM")
    assert await hub.announced() == []
    assert await hub.client_infos() == infos


async def test_a_removed_platform_leaves_no_token_and_no_party(hub: RegistryHub, cpo: Recorder) -> None:
    """HCI-04: its parties are SUSPENDED for everybody, and free for somebody else."""
    await hub.platforms.remove("TNM")
    assert all(not rows for rows in (await hub.rows()).values())
    assert (await cpo.call("GET", hub.versions_url)).status == 401
    assert await hub.announced() == ["NL/TNM CPO SUSPENDED"]
    token_a = (await hub.platforms.invite("TNM of another provider")).token
    assert (await cpo.register(hub.versions_url, token_a)).code == 1000
    assert await hub.announced() == ["NL/TNM CPO CONNECTED"]
    assert len(await hub.client_infos()) == 1


async def test_the_number_of_a_removed_platform_is_not_given_to_another(hub: RegistryHub) -> None:
    """What the journal and the log say of a number stays true."""
    await hub.platforms.invite("one")
    number = hub.named("one").id
    await hub.platforms.remove("one")
    await hub.platforms.invite("two")
    assert hub.named("two").id > number


async def test_who_is_invited_again_begins_anew(hub: RegistryHub, cpo: Recorder) -> None:
    """Both tokens are dead; the parties stay its own, PLANNED until it is registered."""
    token_a = (await hub.platforms.invite_again("TNM")).token
    assert (await cpo.call("GET", hub.versions_url)).status == 401
    assert not hub.named("TNM").is_registered
    assert await hub.announced() == ["NL/TNM CPO PLANNED"]
    assert (await cpo.register(hub.versions_url, token_a)).code == 1000
    assert await hub.announced() == ["NL/TNM CPO CONNECTED"]


async def test_an_invitation_that_is_repeated_replaces_the_first(hub: RegistryHub) -> None:
    first = (await hub.platforms.invite("TNM")).token
    second = (await hub.platforms.invite_again("TNM")).token
    async with Recorder(roles=[("CPO", "NL", "TNM")]) as cpo:
        assert (await cpo.call("GET", hub.versions_url, token=first)).status == 401
        assert (await cpo.register(hub.versions_url, second)).code == 1000
