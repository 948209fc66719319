"""2.2.1, Versions: what the hub offers, and where (VE rows)."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.ocpi.modules import MODULES
from schemas.v2_2_1 import InterfaceRole, Version, VersionDetails
from tests.fixtures.recorder import Recorder
from tests.fixtures.registry_hub import RegistryHub, registry_hub


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RegistryHub]:
    async with registry_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
async def partner(hub: RegistryHub) -> AsyncIterator[Recorder]:
    async with Recorder() as partner:
        await partner.register(hub.versions_url, (await hub.platforms.invite("TNM")).token)
        yield partner


async def details_of(hub: RegistryHub, partner: Recorder) -> VersionDetails:
    (version,) = (await partner.call("GET", hub.versions_url)).data
    return VersionDetails.model_validate((await partner.call("GET", version["url"])).data)


@pytest.mark.holds("VE-06", by="hub")
@pytest.mark.holds("VE-01", "VE-02", by="hub")
async def test_the_hub_offers_one_version_at_an_absolute_url(hub: RegistryHub, partner: Recorder) -> None:
    """VE-01, VE-02; the version's number is no more than that."""
    answer = await partner.call("GET", hub.versions_url)
    assert [Version.model_validate(each).to_wire() for each in answer.data] == [
        {"version": "2.2.1", "url": f"{hub.identity.public_url}/ocpi/2.2.1"}
    ]


@pytest.mark.holds("LOC-24", by="hub")
@pytest.mark.holds("VE-03", "VE-04", "VE-07", "VE-12", by="hub")
async def test_every_routed_module_is_offered_with_both_interfaces(
    hub: RegistryHub, partner: Recorder
) -> None:
    """VE-03, VE-04, VE-12."""
    offered = Counter((each.identifier, each.role) for each in (await details_of(hub, partner)).endpoints)
    routed = {module.id for module in MODULES.values() if module.is_routed}
    assert offered == Counter(
        {
            ("credentials", InterfaceRole.SENDER): 1,
            ("hubclientinfo", InterfaceRole.SENDER): 1,
            **{(module, interface): 1 for module in routed for interface in InterfaceRole},
        }
    )


@pytest.mark.holds("VE-04", "VE-05", "AM-44", by="hub")
async def test_both_interfaces_of_a_module_have_urls_of_their_own(
    hub: RegistryHub, partner: Recorder
) -> None:
    """VE-05; design D11: their paths have the same shape."""
    urls = {(each.identifier, each.role): each.url for each in (await details_of(hub, partner)).endpoints}
    base = f"{hub.identity.public_url}/ocpi/2.2.1"
    assert urls["locations", InterfaceRole.SENDER] == f"{base}/sender/locations"
    assert urls["locations", InterfaceRole.RECEIVER] == f"{base}/receiver/locations"
    assert urls["hubclientinfo", InterfaceRole.SENDER] == f"{base}/sender/hubclientinfo"
    assert urls["credentials", InterfaceRole.SENDER] == f"{base}/credentials"
    assert len(set(urls.values())) == len(urls)


@pytest.mark.holds("TR-04", by="hub")
async def test_token_a_opens_versions_and_details(hub: RegistryHub, partner: Recorder) -> None:
    """TR-04, CR-03."""
    token_a = (await hub.platforms.invite("next")).token
    await partner.read_platform(hub.versions_url, token_a)
    assert ("credentials", "SENDER") in partner.far_end


@pytest.mark.holds("TR-02", "TR-03", "VE-10", by="hub")
@pytest.mark.parametrize("token", [None, "nobody's"])
async def test_without_a_token_that_is_known_there_are_no_versions(
    hub: RegistryHub, partner: Recorder, token: str | None
) -> None:
    """VE-10, TR-02, TR-03."""
    for url in (hub.versions_url, f"{hub.identity.public_url}/ocpi/2.2.1"):
        assert (await partner.call("GET", url, token=token)).status == 401


@pytest.mark.holds("VE-11", by="hub")
async def test_versions_may_be_asked_for_as_often_as_one_likes(hub: RegistryHub, partner: Recorder) -> None:
    """VE-11: nothing changes by it."""
    before = await hub.rows()
    answers = [(await partner.call("GET", hub.versions_url)).data for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert await hub.rows() == before
