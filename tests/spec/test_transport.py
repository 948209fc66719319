"""2.2.1, Transport and format, Status codes: what every answer of the hub looks like (TR and ST rows)."""

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hub.ocpi.errors import OcpiError
from schemas.v2_2_1 import OBJECTS
from tests.fixtures.certificates import certificate
from tests.fixtures.recorder import Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, TARIFF, TOKEN, Roaming

LATER = "2026-01-01T12:00:00Z"


async def push(world: Roaming, module: str, tail: str, method: str = "PUT", value: Any = None) -> Any:
    """The envelope of the hub's answer to a broadcast."""
    sender, party = (world.emsp, EMSP) if module == "tokens" else (world.cpo, CPO)
    sent = {} if value is None else {"value": value}
    answer = await sender.call(method, world.url(module, "RECEIVER", tail), to=HUB, sender=party, **sent)
    assert answer.code == 1000, answer.body
    return answer.envelope


@pytest.mark.holds("TR-08", "TR-09", "ST-01", "PG-10", by="hub")
async def test_a_list_is_a_list_also_when_it_is_empty_and_one_object_is_an_object(world: Roaming) -> None:
    for module in ("locations", "tariffs", "tokens"):
        asker, party = (world.cpo, CPO) if module == "tokens" else (world.emsp, EMSP)
        answer = await asker.call("GET", world.url(module, "SENDER"), to=HUB, sender=party)
        assert answer.envelope["data"] == []
        assert (answer.headers["X-Total-Count"], answer.headers["X-Limit"]) == ("0", "100")
        OBJECTS["Response"].model_validate(answer.envelope)
    await push(world, "locations", "/BE/BEC/LOC1", value=LOCATION)
    listed = await world.emsp.call("GET", world.url("locations", "SENDER"), to=HUB, sender=EMSP)
    assert listed.data == [LOCATION]
    single = await world.emsp.call("GET", world.url("locations", "SENDER", "/LOC1"), to=HUB, sender=EMSP)
    assert single.data == LOCATION
    # A result that is an enumeration alone comes as the text that it was.
    world.cpo.answers("PUT", "/sender/sessions", Reply("ACCEPTED"))
    preferences = world.url("sessions", "SENDER", "/S1/charging_preferences")
    answer = await world.emsp.call("PUT", preferences, {"profile_type": "FAST"}, to=CPO, sender=EMSP)
    assert answer.data == "ACCEPTED"


@pytest.mark.holds("TR-10", "AM-49", by="hub")
async def test_what_ocpi_fixes_no_data_for_is_answered_without(world: Roaming) -> None:
    pushes = [
        ("locations", "/BE/BEC/LOC1", "PUT", LOCATION),
        ("locations", "/BE/BEC/LOC1", "PATCH", {"name": "x", "last_updated": LATER}),
        ("tariffs", "/BE/BEC/T1", "PUT", TARIFF),
        ("tariffs", "/BE/BEC/T1", "DELETE", None),
        ("tokens", "/NL/TNM/012345678", "PUT", TOKEN),
    ]
    for module, tail, method, value in pushes:
        assert "data" not in await push(world, module, tail, method, value), (method, module)
    left = await world.cpo.call("DELETE", world.cpo.far_end["credentials", "SENDER"])
    assert (left.code, "data" in left.envelope) == (1000, False)


@pytest.mark.holds("TR-14", "TR-16", by="hub")
async def test_what_is_not_there_is_404_with_an_envelope(world: Roaming) -> None:
    for tail in ("/NOPE", "/NOPE/1", "/NOPE/1/1"):
        answer = await world.emsp.call("GET", world.url("locations", "SENDER", tail), to=HUB, sender=EMSP)
        assert (answer.status, answer.code) == (404, 2003)
        assert answer.envelope["status_message"]


@pytest.mark.holds("TR-21", "TR-13", by="hub")
async def test_put_replaces_the_whole_object_and_needs_all_that_is_required(world: Roaming) -> None:
    await push(
        world, "locations", "/BE/BEC/LOC1", value=LOCATION | {"name": "Old", "parking_type": "ON_STREET"}
    )
    await push(world, "locations", "/BE/BEC/LOC1", value=LOCATION | {"last_updated": LATER})
    listing = world.url("locations", "SENDER")
    kept = (await world.emsp.call("GET", listing, to=HUB, sender=EMSP)).data
    assert kept == [LOCATION | {"last_updated": LATER}]
    assert (await world.emsp.receives("PUT", "/receiver/locations/", 1)).value["id"] == "LOC1"
    half = {name: LOCATION[name] for name in ("country_code", "party_id", "id", "last_updated")}
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    answer = await world.cpo.call("PUT", url, half, to=HUB, sender=CPO)
    assert (answer.status, answer.code) == (200, 2001)
    assert (await world.emsp.call("GET", listing, to=HUB, sender=EMSP)).data == kept


@pytest.mark.holds("TR-25", by="hub")
async def test_the_hub_pushes_to_the_endpoint_and_below_it_to_the_owners_address(world: Roaming) -> None:
    """The endpoint is the one in the receiver's version details; the owner is not the hub that sends."""
    moved = f"{world.emsp.url}/partner/elsewhere/for/locations"
    honest = world.emsp.offered
    world.emsp.offered = lambda: [  # type: ignore[method-assign]  # what it offers from now on
        each | {"url": moved} if (each["identifier"], each["role"]) == ("locations", "RECEIVER") else each
        for each in honest()
    ]
    await world.emsp.update()
    await push(world, "locations", "/BE/BEC/LOC1", value=LOCATION)
    await push(world, "tariffs", "/BE/BEC/T1", value=TARIFF)
    put = await world.emsp.receives("PUT", "/elsewhere/")
    assert (put.path, put.sender) == ("/partner/elsewhere/for/locations/BE/BEC/LOC1", HUB)
    put = await world.emsp.receives("PUT", "/receiver/tariffs")
    assert put.path == "/partner/2.2.1/receiver/tariffs/BE/BEC/T1"


@pytest.mark.holds("TR-30", by="hub")
async def test_whatever_the_hub_has_it_can_be_asked_for_as_a_list(world: Roaming) -> None:
    offered = {module for module, side in world.emsp.far_end if side == "SENDER"} - {"credentials"}
    for module in sorted(offered - {"commands", "chargingprofiles"}):
        to = {} if module == "hubclientinfo" else {"to": HUB, "sender": EMSP}
        query = "?date_from=2020-01-01T00:00:00Z"
        answer = await world.emsp.call("GET", world.url(module, "SENDER", query), **to)
        assert (answer.status, answer.code) == (200, 1000), module
        assert isinstance(answer.data, list), module


@pytest.mark.holds("CR-25", by="hub")
@pytest.mark.parametrize("evse_id", ["DE*XYZ*E1", "FR*ABC*E*1"])
async def test_the_operator_in_an_evse_id_may_be_another_than_the_party(world: Roaming, evse_id: str) -> None:
    value = LOCATION | {"evses": [LOCATION["evses"][0] | {"evse_id": evse_id}]}
    await push(world, "locations", "/BE/BEC/LOC1", value=value)
    await push(world, "tokens", "/NL/TNM/012345678", value=TOKEN | {"contract_id": "DE-XYZ-C12345678-X"})
    assert (await world.emsp.receives("PUT", "/receiver/locations")).value == value
    assert (await world.cpo.receives("PUT", "/receiver/tokens")).value["contract_id"].startswith("DE-XYZ")


@pytest.mark.holds("AM-04", by="hub")
async def test_the_modes_of_routing_are_told_apart_by_the_addressee(world: Roaming) -> None:
    """A party: that party. The hub: everybody, or the hub's own list. Nobody: whom the content means."""
    await push(world, "locations", "/BE/BEC/LOC1", value=LOCATION)
    await world.emsp.receives("PUT", "/receiver/locations")
    world.cpo.answers("GET", "/sender/locations", Reply([], headers={"X-Total-Count": "0"}))
    world.cpo.answers("GET", "/sender/locations/LOC1", Reply({"from": "the CPO"}))
    listing, single = world.url("locations", "SENDER"), world.url("locations", "SENDER", "/LOC1")
    assert (await world.emsp.call("GET", listing, to=CPO, sender=EMSP)).data == []
    assert (await world.emsp.call("GET", listing, to=HUB, sender=EMSP)).data == [LOCATION]
    assert (await world.emsp.call("GET", single, to=HUB, sender=EMSP)).data == LOCATION
    answer = await world.emsp.call("GET", single, sender=EMSP)
    assert (answer.data, answer.sender) == ({"from": "the CPO"}, CPO)


# Status codes.


def errors(of: type[OcpiError] = OcpiError) -> Iterator[type[OcpiError]]:
    """Every way in which the hub says no."""
    yield of
    for each in of.__subclasses__():
        yield from errors(each)


@pytest.mark.holds("ST-02", by=("hub", "cpo", "emsp"))
def test_no_code_is_one_that_parties_agree_on_among_themselves() -> None:
    """There is one tree of refusals, which the hub and both nodes share; every code in it is OCPI's own."""
    known = {2000, 2001, 2002, 2003, 2004, 3000, 3001, 3002, 3003, 4000, 4001, 4002, 4003}
    assert {each.status_code for each in errors()} == known


@pytest.mark.holds("ST-07", by="hub")
async def test_what_is_right_in_itself_and_not_for_the_hub_is_2000(world: Roaming) -> None:
    """As everything that no other code says; a failure of the hub itself is 3000 (test_credentials)."""
    url = world.url("sessions", "RECEIVER", "/BE/BEC/S1")
    answer = await world.cpo.call("PUT", url, {"id": "S1"}, to=HUB, sender=CPO)
    assert (answer.status, answer.code) == (200, 2000)


@pytest.mark.holds("ST-13", by="hub")
async def test_errors_of_the_routing_are_the_hubs_and_say_so(world: Roaming) -> None:
    """They come from the hub; a 4xxx of a party that is no hub is handed on as that party's word."""
    url = world.url("locations", "SENDER", "/LOC1")
    answer = await world.emsp.call("GET", url, to="XX/XXX", sender=EMSP)
    assert (answer.code, answer.sender) == (4001, HUB)
    world.cpo.answers("GET", "/sender/locations", Reply(status_code=4001))
    answer = await world.emsp.call("GET", url, to=CPO, sender=EMSP)
    assert (answer.code, answer.sender) == (4001, CPO)


# TLS.


@asynccontextmanager
async def over_tls(folder: Path) -> AsyncIterator[str]:
    """The URL of a server with that certificate, which asks nobody for one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder))

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"status_code": 1000})

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


#: One GET with each of the ways to the network, that of the hub and that of the nodes.
GET_WITH_BOTH = """
import asyncio, sys
from datetime import timedelta
from hub.http.client import http_transport
from hub.ocpi.transport import CallFailed, HttpRequest
from partners.transport import AiohttpTransport

async def main():
    patience = timedelta(seconds=5)
    hub = http_transport(connect=patience, largest_reply=1000, allow_private_networks=True)
    async with hub as hubs, AiohttpTransport() as nodes:
        for transport in (hubs, nodes):
            try:
                print((await transport.send(HttpRequest("GET", sys.argv[1], timeout=patience))).status)
            except CallFailed:
                print("refused")

asyncio.run(main())
"""


async def got(url: str, **trusted: str) -> list[str]:
    """What became of it in a process that trusts these certificates."""
    python = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        GET_WITH_BOTH,
        url,
        env={**os.environ, **trusted},
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await python.communicate()
    return out.decode().split()


@pytest.mark.holds("TR-37", by=("hub", "cpo", "emsp"))
async def test_who_shows_a_trusted_certificate_is_spoken_to_and_nobody_else(tmp_path: Path) -> None:
    """Hub and nodes have no certificate to show, and need none."""
    async with over_tls(tmp_path) as url:
        assert await got(url) == ["refused", "refused"]
        assert await got(url, SSL_CERT_FILE=str(tmp_path / "partner.pem")) == ["200", "200"]
