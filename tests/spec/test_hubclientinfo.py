"""2.2.1, HubClientInfo: who is connected, as the registry keeps it (HCI rows)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.registry.platforms import Platforms
from schemas.v2_2_1 import ClientInfo, ConnectionStatus
from tests.fixtures.recorder import Recorder
from tests.fixtures.registry_hub import RegistryHub, registry_hub
from tests.fixtures.roaming import CPO, EMSP, Roaming, joined


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RegistryHub]:
    async with registry_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
async def partner() -> AsyncIterator[Recorder]:
    async with Recorder(roles=[("CPO", "NL", "abc"), ("EMSP", "NL", "abc")]) as partner:
        yield partner


async def registered(hub: RegistryHub, partner: Recorder) -> None:
    answer = await partner.register(hub.versions_url, (await hub.platforms.invite("ABC")).token)
    assert answer.code == 1000


@pytest.mark.holds("HCI-02", "HCI-06", "AM-13", by="hub")
async def test_there_is_one_object_for_each_party_in_each_role(hub: RegistryHub, partner: Recorder) -> None:
    """HCI-01, HCI-02, HCI-06: whole objects, spelled as the partner spells itself."""
    await registered(hub, partner)
    infos = [ClientInfo.model_validate(each) for each in await hub.client_infos()]
    assert [(each.country_code, each.party_id, each.role) for each in infos] == [
        ("NL", "abc", "CPO"),
        ("NL", "abc", "EMSP"),
    ]
    assert {each.status for each in infos} == {ConnectionStatus.CONNECTED}
    assert {each.last_updated for each in infos} == {hub.clock()}


@pytest.mark.holds("HCI-06", by="hub")
async def test_the_hub_itself_is_not_listed(hub: RegistryHub, partner: Recorder) -> None:
    """HCI-06."""
    await registered(hub, partner)
    assert "HUB" not in {each["role"] for each in await hub.client_infos()}


@pytest.mark.holds("HCI-15", by="hub")
async def test_a_platform_that_is_planned_has_no_parties_yet(hub: RegistryHub) -> None:
    """HCI-15: parties come with the handshake."""
    await hub.platforms.invite("ABC")
    assert await hub.client_infos() == []


@pytest.mark.holds("HCI-03", by="hub")
@pytest.mark.parametrize(
    "status", [ConnectionStatus.OFFLINE, ConnectionStatus.CONNECTED], ids=["goes", "stays"]
)
async def test_last_updated_moves_with_the_status_alone(
    hub: RegistryHub, partner: Recorder, status: ConnectionStatus
) -> None:
    """HCI-03: what is found twice changes nothing."""
    await registered(hub, partner)
    before = await hub.client_infos()
    hub.clock.advance(timedelta(minutes=1))
    await hub.platforms.found(hub.named("ABC").id, status)
    await hub.platforms.found(hub.named("ABC").id, status)
    has_moved = [
        now["last_updated"] != then["last_updated"]
        for now, then in zip(await hub.client_infos(), before, strict=True)
    ]
    assert has_moved == [status is ConnectionStatus.OFFLINE] * 2


@pytest.mark.holds("HCI-03", by="hub")
async def test_each_change_is_owed_to_the_others_once(hub: RegistryHub, partner: Recorder) -> None:
    """HCI-03: OFFLINE and CONNECTED again are two changes, of two objects each."""
    await registered(hub, partner)
    await hub.announced()
    for status in (ConnectionStatus.OFFLINE, ConnectionStatus.OFFLINE, ConnectionStatus.CONNECTED):
        await hub.platforms.found(hub.named("ABC").id, status)
    assert len(await hub.announced()) == 4


async def test_the_change_log_says_whose_request_changed_it(hub: RegistryHub, partner: Recorder) -> None:
    """The trace of a registration leads to the ClientInfo that it has caused."""
    token_a = (await hub.platforms.invite("ABC")).token
    await partner.call(
        "POST",
        hub.credentials_url,
        partner.credentials(partner.accept_new_token()),
        token=token_a,
        headers={"X-Correlation-ID": "the-registration"},
    )
    async with hub.database.reading() as connection:
        rows = (await connection.execute(text("SELECT correlation_id, sender_platform_id FROM change"))).all()
    assert [tuple(row) for row in rows] == [("the-registration", hub.named("ABC").id)] * 2


@pytest.mark.holds("HCI-15", by="hub")
@pytest.mark.parametrize("decided", [ConnectionStatus.PLANNED, ConnectionStatus.SUSPENDED])
async def test_what_people_decided_is_not_changed_by_what_is_found(
    hub: RegistryHub, partner: Recorder, decided: ConnectionStatus
) -> None:
    """HCI-15."""
    await registered(hub, partner)
    if decided is ConnectionStatus.PLANNED:
        await hub.platforms.invite_again("ABC")
    else:
        await hub.platforms.suspend("ABC")
    await hub.announced()
    for status in (ConnectionStatus.OFFLINE, ConnectionStatus.CONNECTED):
        await hub.platforms.found(hub.named("ABC").id, status)
    assert hub.named("ABC").status is decided
    assert await hub.announced() == []


@pytest.mark.holds("CR-29", "HCI-04", by="hub")
async def test_roles_that_change_are_announced(hub: RegistryHub, partner: Recorder) -> None:
    """CR-29, HCI-04: what is gone is SUSPENDED, what is new is CONNECTED, what stays is not touched."""
    await registered(hub, partner)
    await hub.announced()
    partner.roles = [("CPO", "NL", "abc"), ("CPO", "BE", "abc")]
    await partner.update()
    assert sorted(await hub.announced()) == ["BE/ABC CPO CONNECTED", "NL/ABC EMSP SUSPENDED"]


@pytest.mark.holds("HCI-16", by="hub")
async def test_after_a_restart_nothing_is_announced_that_is_known(
    hub: RegistryHub, partner: Recorder
) -> None:
    """HCI-16: the state is what was stored; only differences are pushed."""
    await registered(hub, partner)
    await hub.announced()
    restarted = Platforms(hub.records, hub.parts.sealer, hub.clock)
    await hub.directory.reload()
    assert hub.named("ABC").is_connected
    await restarted.forget_unfinished()
    await restarted.found(hub.named("ABC").id, ConnectionStatus.CONNECTED)
    assert await hub.announced() == []


# At a hub that runs, seen from the partners.


@pytest.mark.holds("CR-22", "HCI-01", "HCI-02", "HCI-07", by="hub")
async def test_whoever_may_know_is_told_of_a_new_party(world: Roaming) -> None:
    """HCI-01, HCI-02, HCI-07: a whole object, at the address of the party that it is about."""
    async with Recorder([("EMSP", "DE", "ALL")]) as third:
        await joined(world.hub, third, "third")
        put = await world.cpo.receives("PUT", "/receiver/hubclientinfo/DE/ALL")
    assert {name: put.value[name] for name in ("country_code", "party_id", "role", "status")} == {
        "country_code": "DE",
        "party_id": "ALL",
        "role": "EMSP",
        "status": "CONNECTED",
    }
    assert put.value["last_updated"].endswith("Z")
    assert (put.to, put.sender) == (None, None)


@pytest.mark.holds("RT-14", "HCI-03", "HCI-12", "HCI-15", by="hub")
async def test_a_partner_that_cannot_be_reached_is_offline_for_the_others_until_it_calls(
    world: Roaming,
) -> None:
    """HCI-03, HCI-12, HCI-15: found by a relayed request; then nobody tries; a call of its own ends it."""
    url = world.url("locations", "SENDER", "/LOC1")
    await world.cpo.receives("PUT", "/receiver/hubclientinfo/NL/TNM")  # nothing else is on its way to it
    await world.cpo.go_away()
    await world.emsp.call("GET", url, to=CPO, sender=EMSP)
    await world.emsp.call("GET", url, to=CPO, sender=EMSP)
    put = await world.emsp.receives("PUT", "/receiver/hubclientinfo/BE/BEC")
    assert put.value["status"] == "OFFLINE"
    assert (await world.emsp.call("GET", url, to=CPO, sender=EMSP)).code == 4003
    assert (await world.cpo.call("GET", world.hub.versions_url)).status == 200
    put = await world.emsp.receives("PUT", "/receiver/hubclientinfo/BE/BEC", count=2)
    assert put.value["status"] == "CONNECTED"


@pytest.mark.holds("CR-13", "HCI-04", by="hub")
async def test_whoever_leaves_is_suspended_for_the_others(world: Roaming) -> None:
    """HCI-04, CR-13: and is told nothing any more."""
    await world.cpo.call("DELETE", world.cpo.far_end["credentials", "SENDER"])
    put = await world.emsp.receives("PUT", "/receiver/hubclientinfo/BE/BEC")
    assert put.value["status"] == "SUSPENDED"
    async with Recorder([("EMSP", "DE", "ALL")]) as third:
        await joined(world.hub, third, "third")
        await world.emsp.receives("PUT", "/receiver/hubclientinfo/DE/ALL")
    assert not world.cpo.all("PUT", "DE/ALL")


@pytest.mark.holds("CR-22", "HCI-05", "HCI-06", by="hub")
async def test_the_list_names_the_others_with_their_state(world: Roaming) -> None:
    """HCI-05, HCI-06."""
    answer = await world.cpo.call("GET", world.url("hubclientinfo", "SENDER"))
    assert [(each["party_id"], each["role"], each["status"]) for each in answer.data] == [
        ("TNM", "EMSP", "CONNECTED")
    ]
    assert answer.headers["X-Total-Count"] == "1"
