"""What a node sends: who it is for, who it is from, and when nothing is sent at all."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from hub.ocpi.client import PeerOffers, PeerRefused
from hub.ocpi.party import Party
from hub.ocpi.transport import CallFailed
from partners.link import NoHub, NotOffered, PartyNotConnected, path
from partners.node import Node
from partners.peers import NotRegistered
from schemas.v2_2_1 import InterfaceRole, Location
from tests.fixtures.nodes import hub_beside, running_node
from tests.fixtures.recorder import Fault, Recorder, Reply
from tests.fixtures.samples import T1, client_info, location, tariff

RECEIVER = InterfaceRole.RECEIVER
CPO = Party("BE", "BEC")
TAIL = "/BE/BEC/LOC1"
CHANGED = {"name": "New", "last_updated": T1}
WHOLE = Location.model_validate(location(name="New", last_updated=T1))


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with running_node(settings={"call_timeout": timedelta(seconds=1)}) as node:
        yield node


@pytest.fixture
async def hub(node: Node) -> AsyncIterator[Recorder]:
    async with hub_beside(node) as hub:
        yield hub


@pytest.mark.holds("RT-01", "TR-07", "TR-17", "TR-25", by=("cpo", "emsp"))
async def test_a_request_names_the_party_it_is_for_and_ourselves(node: Node, hub: Recorder) -> None:
    """RT-01, TR-07, TR-17, TR-25."""
    await node.link.send("PUT", "locations", RECEIVER, TAIL, location(), to=CPO)
    (put,) = hub.received
    assert (put.method, put.path) == ("PUT", "/partner/2.2.1/receiver/locations/BE/BEC/LOC1")
    assert (put.to, put.sender) == ("BE/BEC", "NL/EMA")
    assert put.headers["Content-Type"] == "application/json"
    assert put.value == location()
    assert put.request_id
    assert put.correlation_id


@pytest.mark.holds("RT-28", by=("cpo", "emsp"))
async def test_a_broadcast_is_addressed_to_the_hub(node: Node, hub: Recorder) -> None:
    """RT-28."""
    await node.link.send("PUT", "locations", RECEIVER, TAIL, location(), to=node.link.hub)
    assert hub.received[0].to == "HU/HUB"


@pytest.mark.holds("RT-44", by=("cpo", "emsp"))
async def test_an_open_request_is_addressed_to_nobody(node: Node, hub: Recorder) -> None:
    """RT-44."""
    await node.link.send("PUT", "locations", RECEIVER, TAIL, location(), to=None)
    assert (hub.received[0].to, hub.received[0].sender) == (None, "NL/EMA")


@pytest.mark.holds("TR-18", "AM-46", by=("cpo", "emsp"))
async def test_a_correlation_id_is_handed_on_and_the_request_id_is_new(node: Node, hub: Recorder) -> None:
    """AM-46."""
    for _ in range(2):
        await node.link.send("GET", "locations", RECEIVER, TAIL, to=CPO, correlation_id="the one")
    assert {each.correlation_id for each in hub.received} == {"the one"}
    assert len({each.request_id for each in hub.received}) == 2


@pytest.mark.holds("AM-35", by=("cpo", "emsp"))
def test_ids_are_percent_encoded_in_paths() -> None:
    """AM-35."""
    assert path("NL", "EMA", "BE*1/2 é") == "/NL/EMA/BE%2A1%2F2%20%C3%A9"


@pytest.mark.parametrize("status", ["OFFLINE", "PLANNED", "SUSPENDED"])
@pytest.mark.holds("HCI-11", "HCI-12", "HCI-13", "HCI-14", by=("cpo", "emsp"))
async def test_nothing_is_sent_to_a_party_that_is_not_connected(
    node: Node, hub: Recorder, status: str
) -> None:
    """HCI-12 to HCI-14; and once it is back, it is (HCI-11)."""
    url = f"{node.url}/ocpi/2.2.1/hubclientinfo/receiver/BE/BEC"
    await hub.call("PUT", url, client_info(status=status))
    with pytest.raises(PartyNotConnected, match=status):
        await node.link.send("GET", "locations", InterfaceRole.SENDER, "/LOC1", to=CPO)
    assert hub.received == []
    await hub.call("PUT", url, client_info(last_updated=T1))
    await node.link.send("GET", "locations", InterfaceRole.SENDER, "/LOC1", to=CPO)
    assert len(hub.received) == 1


@pytest.mark.holds("HCI-09", by=("cpo", "emsp"))
async def test_another_role_of_the_party_does_not_matter(node: Node, hub: Recorder) -> None:
    """HCI-09: it may be offline as an eMSP and connected as a CPO."""
    url = f"{node.url}/ocpi/2.2.1/hubclientinfo/receiver/BE/BEC"
    await hub.call("PUT", url, client_info(role="EMSP", status="OFFLINE"))
    await node.link.send("GET", "locations", InterfaceRole.SENDER, "/LOC1", to=CPO)
    assert len(hub.received) == 1


async def test_without_a_registration_nothing_is_sent(node: Node) -> None:
    with pytest.raises(NotRegistered):
        await node.link.send("GET", "locations", RECEIVER, TAIL, to=CPO)


@pytest.mark.holds("TR-35", by=("cpo", "emsp"))
async def test_what_the_platform_does_not_offer_is_not_asked_for(node: Node) -> None:
    """TR-35: no made-up paths."""
    async with Recorder(roles=[("CPO", "BE", "BEC")], endpoints=[("locations", "SENDER")]) as cpo:
        await node.register(cpo.versions_url, cpo.accept_new_token())
        cpo.received.clear()
        with pytest.raises(NotOffered):
            await node.link.send("GET", "locations", RECEIVER, TAIL, to=CPO)
        with pytest.raises(NoHub):
            assert node.link.hub
        assert cpo.received == []


class TestPatch:
    """TR-23: a PATCH that fails is followed by GET, and by PUT if the object is missing."""

    @pytest.mark.holds("TR-23", by=("cpo", "emsp"))
    async def test_a_patch_that_is_taken_is_all(self, node: Node, hub: Recorder) -> None:
        answer = await node.link.patch("locations", TAIL, CHANGED, WHOLE, to=CPO)
        assert answer.is_success
        assert [each.method for each in hub.received] == ["PATCH"]
        assert hub.received[0].value == CHANGED

    @pytest.mark.holds("TR-23", by=("cpo", "emsp"))
    async def test_what_is_missing_is_put_whole(self, node: Node, hub: Recorder) -> None:
        hub.answers("PATCH", "", Reply(status=404, status_code=2003))
        hub.answers("GET", "", Reply(status=404, status_code=2003))
        answer = await node.link.patch("locations", TAIL, CHANGED, WHOLE, to=CPO)
        assert answer.is_success
        assert [each.method for each in hub.received] == ["PATCH", "GET", "PUT"]
        assert hub.received[2].value == WHOLE.to_wire()
        assert {(each.to, each.sender) for each in hub.received} == {("BE/BEC", "NL/EMA")}

    @pytest.mark.holds("TR-23", by=("cpo", "emsp"))
    async def test_what_is_there_is_not_put(self, node: Node, hub: Recorder) -> None:
        hub.answers("PATCH", "", Reply(status_code=2001))
        hub.answers("GET", "", Reply(location()))
        answer = await node.link.patch("locations", TAIL, CHANGED, WHOLE, to=CPO)
        assert not answer.is_success
        assert [each.method for each in hub.received] == ["PATCH", "GET"]

    @pytest.mark.holds("TR-23", "RT-38", by=("cpo", "emsp"))
    async def test_a_hub_that_lacks_the_object_gets_it_whole_without_a_get(
        self, node: Node, hub: Recorder
    ) -> None:
        """What receivers of the broadcast lack is the hub's to complete (RT-41)."""
        hub.answers("PATCH", "", Reply(status=404, status_code=2003))
        await node.link.patch("locations", TAIL, CHANGED, WHOLE, to=node.link.hub)
        assert [each.method for each in hub.received] == ["PATCH", "PUT"]
        hub.received.clear()
        hub.answers("PATCH", "", Reply(status_code=2001))
        await node.link.patch("locations", TAIL, CHANGED, WHOLE, to=node.link.hub)
        assert [each.method for each in hub.received] == ["PATCH"]


class TestPull:
    """Lists read page by page: PG-13, TR-28, TR-29, TR-39."""

    def pages(self, hub: Recorder, *pages: list[object]) -> None:
        """Let the hub's list of locations have these pages, behind links that nobody could guess."""
        for number, page in enumerate(pages):
            more = number + 1 < len(pages)
            link = {"Link": f'<{hub.url}/cursor/{number + 1}?c=%2F>; rel="next"'} if more else {}
            fragment = f"/cursor/{number}" if number else "sender/locations"
            total = str(sum(map(len, pages)))
            hub.answers("GET", fragment, Reply(page, headers={"X-Total-Count": total, **link}))

    @pytest.mark.holds("PG-13", by=("cpo", "emsp"))
    async def test_links_are_followed_as_they_are(self, node: Node, hub: Recorder) -> None:
        self.pages(hub, [location()], [location(id="LOC2")], [location(id="LOC3", party_id="XXX")])
        pulled = await node.pull.owned("locations", to=node.link.hub)
        assert (pulled.kept, pulled.refused) == (3, 0)
        assert [each.path for each in hub.received] == [
            "/partner/2.2.1/sender/locations",
            "/cursor/1",
            "/cursor/2",
        ]
        assert hub.received[1].query == "c=%2F"
        assert {(each.to, each.sender) for each in hub.received} == {("HU/HUB", "NL/EMA")}
        assert [each.key.object_id for each in node.objects.all("locations")] == ["LOC1", "LOC2", "LOC3"]

    async def test_since_is_sent_as_date_from(self, node: Node, hub: Recorder) -> None:
        moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
        await node.pull.owned("locations", to=node.link.hub, since=moment)
        assert hub.received[0].query == "date_from=2026-01-01T12%3A00%3A00Z"

    @pytest.mark.holds("TR-29", by=("cpo", "emsp"))
    async def test_good_objects_are_kept_and_broken_ones_left_out(self, node: Node, hub: Recorder) -> None:
        """TR-29."""
        broken = [location(id="B1", city=None), "nonsense", location(id="B3", country_code="B-")]
        self.pages(hub, [location(), *broken, location(id="LOC2")])
        pulled = await node.pull.owned("locations", to=node.link.hub)
        assert (pulled.kept, pulled.refused) == (2, 3)

    @pytest.mark.holds("TR-39", by=("cpo", "emsp"))
    async def test_what_a_full_list_lacks_is_no_longer_valid(self, node: Node, hub: Recorder) -> None:
        """TR-39: and valid again once it is listed again."""
        for listed in ([location(), location(id="LOC2")], [location()]):
            self.pages(hub, listed)
            pulled = await node.pull.owned("locations", to=node.link.hub)
        assert pulled.outdated == 1
        assert [each.key.object_id for each in node.objects.all("locations")] == ["LOC1"]
        self.pages(hub, [location(), location(id="LOC2")])
        await node.pull.owned("locations", to=node.link.hub)
        assert len(node.objects.all("locations")) == 2

    @pytest.mark.holds("TR-39", by=("cpo", "emsp"))
    async def test_a_list_with_date_from_outdates_nothing(self, node: Node, hub: Recorder) -> None:
        self.pages(hub, [location()])
        await node.pull.owned("locations", to=node.link.hub)
        self.pages(hub, [])
        await node.pull.owned("locations", to=node.link.hub, since=datetime(2026, 1, 1, tzinfo=UTC))
        assert len(node.objects.all("locations")) == 1

    async def test_what_its_owner_sent_to_us_alone_is_not_the_hubs_to_list(
        self, node: Node, hub: Recorder
    ) -> None:
        """RT-55: pushed directly it survives, broadcast it does not."""
        url = f"{node.url}/ocpi/2.2.1/tariffs/receiver/BE/BEC/"
        await hub.call("PUT", url + "T1", tariff(), to="NL/EMA", sender="BE/BEC")
        await hub.call("PUT", url + "T2", tariff(id="T2"), to="NL/EMA", sender="HU/HUB")
        pulled = await node.pull.owned("tariffs", to=node.link.hub)
        assert pulled.outdated == 1
        assert [each.key.object_id for each in node.objects.all("tariffs")] == ["T1"]

    @pytest.mark.parametrize("fault", list(Fault))
    @pytest.mark.holds("TR-39", by=("cpo", "emsp"))
    async def test_a_list_that_breaks_off_outdates_nothing(
        self, node: Node, hub: Recorder, fault: Fault
    ) -> None:
        self.pages(hub, [location(), location(id="LOC2")])
        await node.pull.owned("locations", to=node.link.hub)
        self.pages(hub, [location()], [])
        hub.answers("GET", "/cursor/1", fault)
        with pytest.raises((CallFailed, PeerRefused, PeerOffers)):
            await node.pull.owned("locations", to=node.link.hub)
        assert len(node.objects.all("locations")) == 2

    async def test_an_older_state_in_a_list_does_not_replace_a_newer_one(
        self, node: Node, hub: Recorder
    ) -> None:
        url = f"{node.url}/ocpi/2.2.1/locations/receiver{TAIL}"
        newer = location(name="Newer", last_updated=T1)
        await hub.call("PUT", url, newer, to="NL/EMA", sender="HU/HUB")
        self.pages(hub, [location(name="Older")])
        await node.pull.owned("locations", to=node.link.hub)
        assert node.objects.all("locations")[0].value() == newer

    @pytest.mark.holds("TR-28", by=("cpo", "emsp"))
    async def test_a_direct_platform_lists_its_own_objects_only(self, node: Node) -> None:
        """TR-28."""
        async with Recorder(roles=[("CPO", "BE", "BEC")]) as cpo:
            await node.register(cpo.versions_url, cpo.accept_new_token())
            self.pages(cpo, [location(), location(party_id="XXX")])
            pulled = await node.pull.owned("locations", to=CPO)
            assert (pulled.kept, pulled.refused) == (1, 1)

    @pytest.mark.holds("HCI-07", by=("cpo", "emsp"))
    async def test_connected_parties_are_pulled_without_routing_headers(
        self, node: Node, hub: Recorder
    ) -> None:
        """HCI-05, HCI-07."""
        hub.endpoints.append(("hubclientinfo", "SENDER"))
        await node.update_credentials()
        hub.answers("GET", "sender/hubclientinfo", Reply([client_info(), {"party_id": "BEC"}]))
        assert await node.pull.client_infos() == 1
        assert (hub.received[-1].to, hub.received[-1].sender) == (None, None)
