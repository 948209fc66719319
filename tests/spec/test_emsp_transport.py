"""The eMSP's side of transport, status codes and versions: what no other chapter of these tests shows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.ocpi.errors import OcpiError
from hub.ocpi.party import Party
from partners.node import Node
from partners.platform import Platform
from partners.settings import NamedParty, NodeSettings
from schemas.v2_2_1 import Role
from tests.fixtures.emsp_world import World, emsp_world
from tests.fixtures.nodes import PARTY, receiving
from tests.fixtures.recorder import ABSENT, Recorder, Reply
from tests.fixtures.samples import T1, connector, evse, location

LOCATION = "locations/receiver/BE/BEC/LOC1"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with emsp_world() as world:
        yield world


@pytest.mark.holds("TR-24", "TR-40", by="emsp")
@pytest.mark.parametrize(
    "path", ["locations/receiver/BE/BEC/LOC1", "sessions/receiver/BE/BEC/S1", "tariffs/receiver/BE/BEC/T1"]
)
async def test_what_others_own_is_put_and_never_posted(world: World, path: str) -> None:
    answer = await world.call("POST", path, {})
    assert answer.status == 405
    assert "PUT" in answer.headers["Allow"]


@pytest.mark.holds("TR-11", "AM-49", by="emsp")
@pytest.mark.parametrize("data", [ABSENT, None, "x", 7, [], {"y": 1}])
async def test_whatever_data_comes_where_none_is_fixed_does_no_harm(world: World, data: object) -> None:
    world.hub.answers("*", "/receiver/tokens", Reply(data))
    assert await world.node.push_tokens() == 2
    world.hub.answers("*", "/receiver/tokens", Reply(data, status_code=2001, status_message="why not"))
    shown = world.node.tokens.get("04A1B2C3")
    answer = await world.node.tokens.push(shown, world.node.node.link.hub)
    assert answer.refusal().message == "why not"


@pytest.mark.holds("AM-08", by="emsp")
@pytest.mark.parametrize(
    ("status", "code", "is_success"),
    [(200, 1000, True), (201, 1001, True), (200, 2003, False), (404, 2003, False), (500, 1000, False)],
)
async def test_an_answer_is_judged_by_its_envelope_first(
    world: World,
    status: int,
    code: int,
    is_success: bool,  # noqa: FBT001 a column of the table
) -> None:
    world.hub.answers("*", "/receiver/tokens", Reply(status=status, status_code=code))
    shown = world.node.tokens.get("04A1B2C3")
    answer = await world.node.tokens.push(shown, world.node.node.link.hub)
    assert answer.is_success is is_success
    assert answer.refusal().status_code == code


def errors(of: type[OcpiError]) -> list[type[OcpiError]]:
    return [of, *(each for child in of.__subclasses__() for each in errors(child))]


@pytest.mark.holds("ST-02", "ST-07", by=("hub", "cpo", "emsp"))
@pytest.mark.parametrize("error", errors(OcpiError))
def test_no_refusal_has_a_code_for_custom_use(error: type[OcpiError]) -> None:
    """All that hub and nodes refuse with is in one tree."""
    assert error.status_code % 1000 < 900
    assert error.status_code // 1000 in {2, 3, 4}


@pytest.mark.holds("ST-05", "LOC-22", by="emsp")
@pytest.mark.parametrize(
    ("method", "tail", "value"),
    [
        ("PUT", "/E1", evse()),
        ("PUT", "/E1/1", connector()),
        ("PATCH", "", {"name": "x", "last_updated": T1}),
        ("GET", "", ABSENT),
    ],
)
async def test_an_unknown_location_is_2003(world: World, method: str, tail: str, value: object) -> None:
    answer = await world.call(method, LOCATION + tail, value)
    assert (answer.status, answer.code) == (404, 2003)


@pytest.mark.holds("CR-25", by="emsp")
async def test_operator_codes_of_evses_and_contracts_are_not_those_of_the_parties(world: World) -> None:
    foreign = evse(evse_id="FR*XYZ*E1")
    assert (await world.call("PUT", LOCATION, location(evses=[foreign]))).status == 201
    issued = world.node.tokens.issue({"uid": "x", "contract_id": "DE-ABC-000001"})
    assert issued.contract_id == "DE-ABC-000001"


@pytest.mark.holds("LOC-12", by="emsp")
async def test_an_evse_that_is_not_whole_is_refused_with_the_place(world: World) -> None:
    await world.call("PUT", LOCATION, location())
    answer = await world.call("PUT", LOCATION + "/E2", {"uid": "E2", "last_updated": T1})
    assert (answer.status, answer.code) == (200, 2001)
    assert "/status" in answer.envelope["status_message"]
    assert len(world.node.locations()[0].evses) == 1


@pytest.mark.holds("RT-37", "TR-26", "HCI-11", "AM-05", by="emsp")
async def test_the_hub_brings_objects_of_those_that_it_told_of_and_of_nobody_else(world: World) -> None:
    """Asked once more before a party is called a stranger: its news may be on the way."""
    foreign = location(party_id="NEW")
    await world.hub_tells("BE/BEC")
    assert (await world.call("PUT", LOCATION, location(), sender="HU/HUB")).status == 201
    url = "locations/receiver/BE/NEW/LOC1"
    assert (await world.call("PUT", url, foreign, sender="HU/HUB")).status == 404
    world.hub.endpoints.append(("hubclientinfo", "SENDER"))
    await world.node.node.update_credentials()
    infos = [
        {"country_code": "BE", "party_id": each, "role": "CPO", "status": "CONNECTED", "last_updated": T1}
        for each in ("BEC", "NEW")
    ]
    world.lists("hubclientinfo", *infos)
    assert (await world.call("PUT", url, foreign, sender="HU/HUB")).status == 201


@pytest.mark.holds("RT-39", by="emsp")
async def test_only_tokens_are_addressed_to_everybody(world: World) -> None:
    """What a driver does is for one CPO."""
    await world.call("PUT", LOCATION, location())
    world.later("/receiver/commands/", {"result": "ACCEPTED"})
    await world.node.push_tokens()
    await world.node.start_session("04A1B2C3", "LOC1")
    assert {each.to for each in world.hub.all("*", "/receiver/tokens")} == {"HU/HUB"}
    assert {each.to for each in world.hub.all("*", "/receiver/commands")} == {"BE/BEC"}


@pytest.mark.holds("CR-02", by="emsp")
async def test_token_a_is_handed_over_beside_ocpi(world: World) -> None:
    """By the node's own API, with its key; no request of OCPI shows it."""
    url = world.node.admin_url + "/node/invitation"
    refused = await world.hub.call("POST", url, token=None)
    assert refused.status == 401
    bearer = {"Authorization": f"Bearer {world.node.admin_key}"}
    told = (await world.hub.call("POST", url, headers=bearer)).envelope
    assert told["versions_url"] == world.node.versions_url
    async with Recorder(roles=[("HUB", "HU", "TWO")]) as other:
        assert (await other.register(told["versions_url"], told["token"])).code == 1000


@pytest.mark.holds("VE-09", by=("cpo", "emsp"))
@pytest.mark.parametrize(
    ("modules", "more"),
    [
        (("locations", "tariffs"), {}),
        (("locations",), {"more_parties": (NamedParty(Party("NL", "EMB"), "eMSP B"),)}),
        (("locations",), {"public_url": "http://127.0.0.1:9"}),
    ],
)
async def test_who_starts_with_other_interfaces_urls_or_parties_says_so(
    tmp_path: Path, modules: tuple[str, ...], more: dict[str, object]
) -> None:
    """A PUT of credentials, which makes the platform read our details anew; and once is enough."""
    fixed = {"party": PARTY, "name": "eMSP A", "database": tmp_path / "node.sqlite"}
    first, then = [("locations",)] * 2, [modules] * 2
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        hub.calls_back = "public_url" not in more
        port = 0
        for number, offered in enumerate([*first, *then]):
            settings = NodeSettings(**fixed, port=port, **(more if number >= 2 else {}))
            node = Node(settings, Role.EMSP)
            await node.start(receiving(*offered)(node))
            try:
                if number == 0:
                    await node.register(hub.versions_url, hub.accept_new_token())
                    port = int(node.url.rpartition(":")[2])
                await Platform(node).register_as_configured(None)
            finally:
                await node.stop()
            told = [each.method for each in hub.all("*", "/credentials")]
            assert told == (["POST"] if number < 2 else ["POST", "PUT"])
