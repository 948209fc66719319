"""What receivers get of what was accepted: over real sockets, looked at where it arrives."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.http.client import HttpTransport, http_transport
from schemas.v2_2_1 import Role
from tests.fixtures.changes import LATER, change, evse, location, patch
from tests.fixtures.delivering import People, delivering
from tests.fixtures.recorder import Recorder, Reply


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    async with http_transport(
        connect=timedelta(seconds=2), largest_reply=1_000_000, allow_private_networks=True
    ) as transport:
        yield transport


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.sqlite3"


@pytest.fixture
async def msp() -> AsyncIterator[Recorder]:
    async with Recorder() as recorder:
        yield recorder


@pytest.fixture
def people() -> People:
    """A CPO that owns what is accepted; it is never called."""
    people = People()
    people.add((Role.CPO, "NL/TNM"))
    return people


async def test_a_receiver_gets_the_bytes_and_the_headers_of_a_broadcast(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """RT-35, RT-37, RT-43: TO is the receiver, FROM the hub, the owner stays in the path."""
    people.recorded(msp, (Role.EMSP, "DE/ABC"))
    body = b'{ "id":"LOC1", "x_new": 1.50, "last_updated":"2026-05-01T12:00:00Z" }'
    async with delivering(path, people, transport) as hub:
        await hub.accept(change("PUT", "locations", "/NL/TNM/LOC1", body=body, correlation="abc"))
        received = await msp.receives("PUT", "/receiver/locations/NL/TNM/LOC1")
    assert received.body == body
    assert (received.to, received.sender) == ("DE/ABC", "HU/HUB")
    assert received.correlation_id == "abc"
    assert received.request_id not in {None, "abc"}
    assert received.token in msp.accepted_tokens
    assert received.headers["Content-Type"] == "application/json"


async def test_each_party_of_a_platform_gets_its_own_request(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """RT-34: TO names a party; two parties get two requests, each with an id of its own."""
    people.recorded(msp, (Role.EMSP, "DE/ABC"), (Role.NSP, "DE/XYZ"), (Role.CPO, "DE/CPO"))
    async with delivering(path, people, transport) as hub:
        await hub.accept(location())
        await msp.receives("PUT", "locations", count=2)
        await hub.at_rest()
    got = msp.all("PUT", "locations")
    assert {each.to for each in got} == {"DE/ABC", "DE/XYZ"}
    assert len({each.request_id for each in got}) == 2
    assert {each.correlation_id for each in got} == {"corr-1"}


async def test_a_single_change_goes_as_it_came(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    people.recorded(msp, (Role.EMSP, "DE/ABC"))
    async with delivering(path, people, transport) as hub:
        await hub.accept(location(evses=[evse("E%2F1", status="AVAILABLE")]))
        await msp.receives("PUT", "LOC1")
        await hub.accept(patch("locations", "/nl/TNM/LOC1/E%252F1", LATER, status="CHARGING"))
        received = await msp.receives("PATCH", "/receiver/locations/nl/TNM/LOC1/E%252F1")
    assert received.value == {"status": "CHARGING", "last_updated": LATER}


async def test_the_type_of_a_token_stays_in_the_query(
    path: Path, people: People, transport: HttpTransport
) -> None:
    async with Recorder() as cpo:
        people.recorded(cpo, (Role.CPO, "DE/CPO"))
        async with delivering(path, people, transport) as hub:
            value = {"uid": "1", "last_updated": LATER}
            await hub.accept(change("PUT", "tokens", "/NL/TNM/1", value, query="type=APP_USER"))
            assert (await cpo.receives("PUT", "/tokens/NL/TNM/1")).query == "type=APP_USER"


async def test_a_patch_of_an_object_that_the_receiver_lacks_is_followed_by_the_whole(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """RT-41."""
    people.recorded(msp, (Role.EMSP, "DE/ABC"))
    msp.answers("PATCH", "locations", Reply(status=404, status_code=2003))
    async with delivering(path, people, transport) as hub:
        await hub.accept(location(evses=[evse("1", status="AVAILABLE")]))
        await msp.receives("PUT", "LOC1")
        await hub.accept(patch("locations", "/NL/TNM/LOC1/1", LATER, status="CHARGING"))
        received = await msp.receives("PUT", "/NL/TNM/LOC1", count=2)
        await hub.at_rest()
    assert received.path.endswith("/NL/TNM/LOC1")
    assert received.value["evses"] == [evse("1", LATER, status="CHARGING")]
    assert [each.method for each in msp.received] == ["PUT", "PATCH", "PUT"]
