"""`partner check`: what is wrong with a platform, told in words."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.conformance.check import Checked, check
from hub.conformance.findings import Finding, Weight, wrong_with_endpoints
from hub.registry.platforms import NotConnectedYet
from schemas.v2_2_1 import InterfaceRole, Role
from tests.fixtures.recorder import Fault, Recorder, Reply
from tests.fixtures.registry_hub import SHORT, RegistryHub, registry_hub

VERSIONS = "/partner/versions"
DETAILS = "/partner/2.2.1"
CREDENTIALS = "/partner/2.2.1/credentials"
#: What a CPO platform usually offers.
CPO_MODULES = [
    *((module, "SENDER") for module in ("locations", "sessions", "cdrs", "tariffs")),
    *((module, "RECEIVER") for module in ("tokens", "commands", "chargingprofiles", "hubclientinfo")),
]


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RegistryHub]:
    async with registry_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
async def cpo(hub: RegistryHub) -> AsyncIterator[Recorder]:
    """A registered partner with which nothing is wrong."""
    async with Recorder(roles=[("CPO", "NL", "TNM")], endpoints=CPO_MODULES) as cpo:
        await cpo.register(hub.versions_url, (await hub.platforms.invite("TNM")).token)
        cpo.received.clear()
        yield cpo


async def look(hub: RegistryHub) -> Checked:
    return await check(hub.named("TNM"), hub.calls, SHORT)


async def found(hub: RegistryHub) -> list[str]:
    """What is wrong, but that the recorder speaks http."""
    return [
        f"{each.weight} {each.subject}: {each.message}"
        for each in (await look(hub)).findings
        if "expected https" not in each.message
    ]


@pytest.mark.usefixtures("cpo")
async def test_of_a_platform_that_is_right_nothing_is_said_but_that_it_speaks_http(hub: RegistryHub) -> None:
    """TR-37."""
    checked = await look(hub)
    assert not checked.has_errors
    assert {each.weight for each in checked.findings} == {Weight.WARNING}
    assert all("expected https" in each.message for each in checked.findings)
    assert {each.subject for each in checked.findings} == {"versions", "version details"}


async def test_a_check_only_reads(hub: RegistryHub, cpo: Recorder) -> None:
    """VE-11: GETs alone, under one correlation id; strangers are tried, too."""
    before = await hub.rows()
    checked = await look(hub)
    assert {each.method for each in cpo.received} == {"GET"}
    assert {each.correlation_id for each in cpo.received} == {checked.correlation_id}
    assert len({each.request_id for each in cpo.received}) == len(cpo.received) == 9
    assert [each.token for each in cpo.all("GET", VERSIONS)] == [
        hub.named("TNM").outbound_token,
        None,
        "a-token-of-nobody",
    ]
    assert await hub.rows() == before


async def test_only_a_registered_platform_can_be_checked(hub: RegistryHub) -> None:
    await hub.platforms.invite("TNM")
    with pytest.raises(NotConnectedYet):
        await look(hub)


WRONG_VERSIONS: list[tuple[Any, str]] = [
    (Reply(), "expected data in the answer, got none"),
    (Reply({}), "expected a list of versions in data"),
    (Reply([]), "expected version 2.2.1 among those offered: none"),
    (Reply([{"version": "2.1.1", "url": "https://a.example/2.1.1"}]), "among those offered: 2.1.1"),
    (Reply([{"version": "2.2.1", "url": "/2.2.1"}]), "/url: expected an absolute http or https URL"),
    (Reply([{"version": "2.2.1", "url": "https://a.example"}] * 2), "version 2.2.1 is listed twice"),
    (Reply(status=404, status_code=2001), "expected HTTP 200, got 404"),
    (Reply(status_code=3000, status_message="sorry"), "status code of success, got 3000 sorry"),
    (Reply(body=b'{"status_code": 1000}'), "envelope: /timestamp: expected this field"),
    (Reply(body=b"<html>"), "the answer is not JSON"),
    (Reply([], headers={"Content-Type": "text/plain"}), "Content-Type application/json, got text/plain"),
    (Reply([], headers={"X-Request-ID": "mine"}), "the request's X-Request-ID in the answer, got mine"),
    (Reply([], headers={"X-Correlation-ID": "mine"}), "X-Correlation-ID in the answer, got mine"),
    (Fault.HANG, "it did not answer in time"),
    (Fault.CLOSE, "its answer did not arrive whole"),
    (Fault.HTML, "the answer is not JSON"),
    (Fault.REDIRECT, "expected HTTP 200, got 302"),
    (Fault.SERVER_ERROR, "expected HTTP 200, got 500"),
]


@pytest.mark.parametrize(("answer", "said"), WRONG_VERSIONS, ids=[each for _, each in WRONG_VERSIONS])
async def test_what_is_wrong_with_the_versions_is_said(
    hub: RegistryHub, cpo: Recorder, answer: Any, said: str
) -> None:
    """VE-01, VE-02, TR-08, TR-17, TR-18."""
    cpo.answers("GET", VERSIONS, answer)
    assert any(said in each for each in await found(hub) if "versions" in each), await found(hub)


async def test_a_platform_that_is_not_there_is_said_so(hub: RegistryHub, cpo: Recorder) -> None:
    await cpo.go_away()
    (said,) = await found(hub)
    # A connection that was kept open is found closed; without one, none can be made.
    happened = "it cannot be reached|its answer did not arrive whole"
    assert re.match(rf"error versions: GET {cpo.versions_url}: ({happened}), .*: ", said)


async def test_whoever_lets_strangers_in_is_told(hub: RegistryHub, cpo: Recorder) -> None:
    """TR-02, TR-03, VE-10: no token, and a token of nobody."""
    cpo.answers("GET", VERSIONS, Reply([{"version": "2.2.1", "url": f"{cpo.url}{DETAILS}"}]))
    assert await found(hub) == [
        "error versions: without a token: expected HTTP 401, got 200",
        "error versions: with a token of nobody: expected HTTP 401, got 200",
    ]


async def test_a_refusal_without_an_envelope_is_said(hub: RegistryHub, cpo: Recorder) -> None:
    """TR-16."""

    def bare(received: Any) -> Reply:
        if received.token == hub.named("TNM").outbound_token:
            return Reply([{"version": "2.2.1", "url": f"{cpo.url}{DETAILS}"}])
        return Reply(status=401, body=b"Unauthorized")

    cpo.answers("GET", VERSIONS, bare)
    assert await found(hub) == [
        "warning versions: without a token: expected an OCPI envelope with the HTTP 401",
        "warning versions: with a token of nobody: expected an OCPI envelope with the HTTP 401",
    ]


def details(cpo: Recorder, *more: tuple[str, str], version: str = "2.2.1") -> Reply:
    """Its details, with other endpoints besides those that it has."""
    offered = [("credentials", "SENDER"), *CPO_MODULES, *more]
    endpoints = [
        {"identifier": name, "role": side, "url": cpo.endpoint(name, side)} for name, side in offered
    ]
    return Reply({"version": version, "endpoints": endpoints})


async def test_what_is_wrong_with_the_details_is_said(hub: RegistryHub, cpo: Recorder) -> None:
    """VE-02, VE-04, VE-08."""

    def to_us(reply: Reply) -> None:
        token = hub.named("TNM").outbound_token
        refused = Reply(status=401, status_code=2000)
        cpo.answers("GET", DETAILS, lambda received: reply if received.token == token else refused)

    to_us(details(cpo, version="2.2"))
    assert "error version details: expected version 2.2.1, got 2.2" in await found(hub)
    to_us(details(cpo, ("locations", "SENDER")))
    assert any("expected one endpoint for locations as SENDER" in each for each in await found(hub))
    to_us(details(cpo, ("nltnm-tokens", "SENDER")))
    assert "note version details: nltnm-tokens is no module of OCPI 2.2.1; it is passed over" in (
        await found(hub)
    )


async def test_without_a_credentials_endpoint_that_is_said(hub: RegistryHub, cpo: Recorder) -> None:
    """VE-06."""
    endpoint = {"identifier": "locations", "role": "SENDER", "url": "https://a.example/locations"}
    cpo.answers("GET", DETAILS, Reply({"version": "2.2.1", "endpoints": [endpoint]}))
    assert "error version details: expected an endpoint for credentials: it is mandatory" in await found(hub)


async def test_credentials_that_are_not_ours_are_said(hub: RegistryHub, cpo: Recorder) -> None:
    """CR-12, CR-29: another token, another URL, other parties; no token is ever shown."""
    cpo.answers(
        "GET",
        CREDENTIALS,
        lambda received: (
            Reply(
                cpo.credentials("another-token")
                | {"url": "https://b.example/versions"}
                | {"roles": [cpo.credentials("")["roles"][0] | {"party_id": "NEW"}]}
            )
            if received.token == hub.named("TNM").outbound_token
            else Reply(status=401, status_code=2000)
        ),
    )
    said = await found(hub)
    assert said == [
        "error credentials: expected the token that the hub shows the platform, got another",
        f"warning credentials: the versions URL is https://b.example/versions, it was {cpo.versions_url}",
        "warning credentials: NL/NEW CPO is new since the platform registered; a PUT is due",
        "warning credentials: NL/TNM CPO is gone since the platform registered; a PUT is due",
    ]
    assert "another-token" not in str(said)


def endpoints_found(roles: list[Role], *offered: tuple[str, str]) -> list[Finding]:
    return list(wrong_with_endpoints([(name, InterfaceRole(side)) for name, side in offered], roles))


@pytest.mark.parametrize("missing", CPO_MODULES, ids=str)
def test_a_module_that_its_role_lets_expect_is_missed(missing: tuple[str, str]) -> None:
    """Checklist 0.1."""
    offered = [each for each in CPO_MODULES if each != missing]
    messages = [each.message for each in endpoints_found([Role.CPO], *offered)]
    assert f"expected {missing[0]} as {missing[1]}, as CPO offers it" in messages


def test_a_module_on_the_wrong_side_is_said() -> None:
    offered = [each for each in CPO_MODULES if each[0] != "locations"]
    messages = [each.message for each in endpoints_found([Role.CPO], ("locations", "RECEIVER"), *offered)]
    assert "locations as RECEIVER is usually not offered by CPO" in messages


@pytest.mark.parametrize(
    ("offered", "needed"),
    [
        (("locations", "RECEIVER"), "locations needs tariffs"),
        (("commands", "RECEIVER"), "commands needs locations"),
        (("commands", "SENDER"), "commands needs sessions"),
        (("chargingprofiles", "RECEIVER"), "chargingprofiles needs sessions"),
    ],
)
def test_a_module_without_the_one_that_it_needs_is_said(offered: tuple[str, str], needed: str) -> None:
    """VE-07."""
    assert needed in [each.message for each in endpoints_found([], offered)]


def test_the_modules_of_all_roles_of_a_platform_are_expected_once() -> None:
    """Several parties in the same role say nothing new."""
    messages = [each.message for each in endpoints_found([Role.CPO, Role.EMSP, Role.CPO])]
    assert len(messages) == len(set(messages))
    assert "expected hubclientinfo as RECEIVER, as CPO and EMSP offers it" in messages
