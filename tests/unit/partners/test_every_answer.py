"""Whatever a node answers: ids, envelope, parties, and the status that the checklist names."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.ocpi.modules import MODULES
from partners.exchange import Answer, Handler, HandlerMissing, Request, offer, operation_name
from partners.node import Node
from schemas.v2_2_1 import InterfaceRole
from tests.fixtures.nodes import hub_beside, running_node
from tests.fixtures.recorder import Answered, Recorder
from tests.fixtures.samples import location

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MODULES_URL = "/ocpi/2.2.1"
LOCATION = f"{MODULES_URL}/locations/receiver/BE/BEC/LOC1"


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with running_node(settings={"max_body_bytes": 100_000}) as node:
        yield node


@pytest.fixture
async def hub(node: Node) -> AsyncIterator[Recorder]:
    async with hub_beside(node) as hub:
        yield hub


def check_envelope(answer: Answered) -> None:
    """TR-08, TR-16."""
    assert answer.headers["Content-Type"].startswith("application/json")
    assert isinstance(answer.code, int)
    assert answer.envelope["timestamp"].endswith("Z")


EVERY_STATUS = [
    ("GET", "/ocpi/versions", {}, 200),
    ("POST", "/ocpi/versions", {}, 405),
    ("DELETE", "/ocpi/2.2.1/details", {}, 405),
    ("PATCH", "/ocpi/2.2.1/credentials", {}, 405),
    ("GET", "/nowhere", {}, 404),
    ("GET", "/ocpi/2.2.1/wonders/receiver", {}, 404),
    ("GET", "/ocpi/2.2.1/cdrs/receiver/x", {}, 404),
    ("GET", "/ocpi/2.2.1/locations/sideways/x", {}, 404),
    ("GET", LOCATION, {}, 404),
    ("GET", LOCATION + "/E1/1/2", {}, 404),
    ("DELETE", LOCATION, {}, 405),
    ("POST", LOCATION, {"body": b"{}"}, 405),
    ("PUT", LOCATION, {"body": b'{"a":'}, 400),
    ("PUT", LOCATION, {"body": b""}, 400),
    ("PUT", LOCATION, {"body": b"\xff\xfe"}, 400),
    ("PUT", LOCATION, {"value": {"id": "LOC1"}}, 200),
    ("PUT", LOCATION, {"value": location()}, 201),
    ("PUT", LOCATION, {"body": b'"' + b"x" * 200_000 + b'"'}, 413),
    ("GET", LOCATION, {"token": None}, 401),
    ("GET", LOCATION, {"token": "nobody's"}, 401),
    ("GET", "/nowhere", {"token": None}, 401),
    ("GET", LOCATION, {"headers": {"Authorization": "Bearer abc"}}, 401),
    ("GET", LOCATION, {"headers": {"Authorization": "Token"}}, 401),
]


@pytest.mark.parametrize(("method", "path", "request_", "status"), EVERY_STATUS)
@pytest.mark.holds(
    "TR-02",
    "TR-03",
    "TR-08",
    "TR-12",
    "TR-13",
    "TR-14",
    "TR-16",
    "TR-17",
    "TR-18",
    "TR-40",
    "VE-10",
    "AM-45",
    by=("cpo", "emsp"),
)
async def test_ids_and_envelope_are_on_every_answer(
    node: Node, hub: Recorder, method: str, path: str, request_: dict[str, Any], status: int
) -> None:
    """TR-02, TR-03, TR-12 to TR-18, TR-40, AM-45."""
    ids = {"X-Request-ID": "request 1", "X-Correlation-ID": "correlation 1"}
    headers = {**ids, **request_.get("headers", {})}
    given = {"to": "NL/EMA", "sender": "HU/HUB", **request_, "headers": headers}
    answer = await hub.call(method, node.url + path, **given)
    assert answer.status == status
    check_envelope(answer)
    assert answer.headers["X-Request-ID"] == "request 1"
    assert answer.headers["X-Correlation-ID"] == "correlation 1"


async def test_a_body_of_20_megabytes_is_refused_without_being_kept() -> None:
    """TR-16: 413, and the node goes on."""
    async with running_node() as node, hub_beside(node) as hub:
        body = b'{"name":"' + b"x" * 20_000_000 + b'"}'
        answer = await hub.call("PUT", node.url + LOCATION, body=body, sender="HU/HUB", to="NL/EMA")
        assert (answer.status, answer.code) == (413, 2000)
        assert (await hub.call("PUT", node.url + LOCATION, location(), sender="HU/HUB")).status == 201


@pytest.mark.holds("TR-19", by=("cpo", "emsp"))
async def test_missing_ids_are_made(node: Node, hub: Recorder) -> None:
    """RT-23, TR-19."""
    without = {"X-Request-ID": "", "X-Correlation-ID": ""}
    answer = await hub.call("GET", node.versions_url, headers=without)
    assert UUID.fullmatch(answer.headers["X-Request-ID"])
    assert UUID.fullmatch(answer.headers["X-Correlation-ID"])


@pytest.mark.holds("TR-20", "RT-04", by=("cpo", "emsp"))
async def test_header_names_and_party_codes_ignore_case(node: Node, hub: Recorder) -> None:
    """TR-20, RT-04."""
    headers = {
        "ocpi-TO-country-code": "nl",
        "OCPI-to-PARTY-id": "ema",
        "ocpi-from-country-code": "hu",
        "ocpi-from-party-id": "hub",
        "x-request-id": "r1",
    }
    answer = await hub.call("PUT", node.url + LOCATION, location(), headers=headers)
    assert answer.status == 201
    assert answer.headers["X-Request-ID"] == "r1"
    assert (answer.to, answer.sender) == ("hu/hub", "nl/ema")


@pytest.mark.parametrize(("path", "status"), [(LOCATION, 404), ("/ocpi/2.2.1/wonders/receiver", 404)])
@pytest.mark.holds("RT-01", "RT-07", "RT-36", by=("cpo", "emsp"))
async def test_functional_answers_swap_the_parties(node: Node, hub: Recorder, path: str, status: int) -> None:
    """RT-07, RT-36."""
    answer = await hub.call("GET", node.url + path, to="NL/EMA", sender="HU/HUB")
    assert answer.status == status
    expected = ("HU/HUB", "NL/EMA") if path == LOCATION else (None, None)
    assert (answer.to, answer.sender) == expected


@pytest.mark.holds("RT-05", by=("cpo", "emsp"))
async def test_without_an_addressee_the_node_names_itself(node: Node, hub: Recorder) -> None:
    """RT-05, RT-46."""
    answer = await hub.call("PUT", node.url + LOCATION, location(), sender="BE/BEC")
    assert (answer.status, answer.to, answer.sender) == (201, "BE/BEC", "NL/EMA")


@pytest.mark.parametrize(
    "path", ["/ocpi/versions", "/ocpi/2.2.1/credentials", "/ocpi/2.2.1/hubclientinfo/receiver/BE/BEC"]
)
@pytest.mark.holds("RT-02", by=("cpo", "emsp"))
async def test_configuration_modules_answer_without_parties(node: Node, hub: Recorder, path: str) -> None:
    """RT-02: and ignore those that come."""
    answer = await hub.call("GET", node.url + path, to="XX/XXX", sender="HU/HUB")
    assert answer.status in {200, 404}
    assert (answer.to, answer.sender) == (None, None)


@pytest.mark.parametrize(
    "headers",
    [
        {"OCPI-to-party-id": "EMA"},
        {"OCPI-to-country-code": "NL"},
        {"OCPI-from-party-id": "BEC"},
        {"OCPI-to-country-code": "NL", "OCPI-to-party-id": "WHAT?"},
        {"OCPI-to-country-code": "XX", "OCPI-to-party-id": "XXX"},
    ],
)
@pytest.mark.holds("RT-03", "ST-13", by=("cpo", "emsp"))
async def test_half_a_pair_or_somebody_elses_is_refused(
    node: Node, hub: Recorder, headers: dict[str, str]
) -> None:
    """RT-03; ST-13: only a hub says 4xxx."""
    answer = await hub.call("PUT", node.url + LOCATION, location(), headers=headers)
    assert (answer.status, answer.code) == (200, 2001)
    assert node.objects.all("locations") == []


@pytest.mark.holds("AM-12", by=("cpo", "emsp"))
async def test_on_a_direct_link_nobody_speaks_for_a_party_of_somebody_else(node: Node) -> None:
    """AM-12."""
    async with Recorder(roles=[("CPO", "BE", "BEC")]) as cpo:
        await cpo.register(node.versions_url, node.issue_token_a())
        answer = await cpo.call("PUT", node.url + LOCATION, location(), sender="DE/XXX")
        assert (answer.status, answer.code) == (200, 2001)


@pytest.mark.holds("ST-07", "AM-45", by=("cpo", "emsp"))
async def test_a_failure_of_ours_is_told_without_its_details() -> None:
    """ST-07, AM-45: and the ids are there, too."""

    async def fail(_: Request) -> Answer:
        raise RuntimeError("a secret")

    def offers(_: Node) -> list[Any]:
        operations = MODULES["tariffs"].by_interface[InterfaceRole.RECEIVER]
        failing: dict[str, Handler] = {operation_name(each): fail for each in operations}
        return [offer("tariffs", InterfaceRole.RECEIVER, failing)]

    async with running_node(offers=offers) as node, hub_beside(node) as hub:
        url = f"{node.url}/ocpi/2.2.1/tariffs/receiver/BE/BEC/T1"
        answer = await hub.call("GET", url, headers={"X-Request-ID": "r1"})
        assert (answer.status, answer.code) == (500, 3000)
        assert answer.headers["X-Request-ID"] == "r1"
        assert b"secret" not in answer.body


@pytest.mark.holds("AM-35", by=("cpo", "emsp"))
async def test_a_slash_too_many_is_forgiven(node: Node, hub: Recorder) -> None:
    """AM-35, design D11."""
    assert (await hub.call("GET", node.versions_url + "/")).status == 200
    answer = await hub.call("PUT", node.url + LOCATION.replace("receiver/", "receiver//") + "/", location())
    assert answer.status == 201


@pytest.mark.holds("AM-35", by=("cpo", "emsp"))
async def test_an_id_with_a_slash_or_a_star_arrives_whole(node: Node, hub: Recorder) -> None:
    """RT-26, AM-35."""
    url = f"{node.url}{MODULES_URL}/locations/receiver/BE/BEC/BE*BEC*L%2F1"
    answer = await hub.call("PUT", url, location(id="BE*BEC*L/1"))
    assert answer.status == 201
    assert (await hub.call("GET", url)).data["id"] == "BE*BEC*L/1"


@pytest.mark.holds("VE-01", "VE-02", "VE-03", "VE-04", "VE-05", by=("cpo", "emsp"))
async def test_details_list_what_is_offered_and_credentials_once(node: Node, hub: Recorder) -> None:
    """VE-01 to VE-05: absolute URLs, unique, credentials as SENDER."""
    versions = await hub.call("GET", node.versions_url)
    (version,) = versions.data
    assert version["version"] == "2.2.1"
    details = (await hub.call("GET", version["url"])).data
    offered = [(each["identifier"], each["role"]) for each in details["endpoints"]]
    assert offered == [
        ("credentials", "SENDER"),
        ("locations", "RECEIVER"),
        ("tariffs", "RECEIVER"),
        ("sessions", "RECEIVER"),
        ("hubclientinfo", "RECEIVER"),
    ]
    assert all(each["url"].startswith(node.url) for each in details["endpoints"])


async def test_urls_are_those_of_the_proxy_if_there_is_one() -> None:
    async with running_node(settings={"public_url": "https://emsp.example/"}) as node:
        assert node.versions_url == "https://emsp.example/ocpi/versions"


def test_an_offer_has_a_handler_for_every_operation() -> None:
    async def nothing(_: Request) -> Answer:
        return Answer()

    with pytest.raises(HandlerMissing, match="GET"):
        offer("tokens", InterfaceRole.SENDER, {"POST /{token_uid}/authorize": nothing})
    with pytest.raises(HandlerMissing, match="PATCH"):
        offer("cdrs", InterfaceRole.SENDER, {"GET": nothing, "PATCH": nothing})
