"""Whatever a registered partner sends to a running hub: OCPI's answer to it, and nobody else's business."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.fixtures.recorder import Answered, Recorder, to_json
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, TARIFF, TOKEN, Roaming, joined, roaming

SECRET = "only-for-those-who-charge"
RIVAL = "DE/RIV"
LATER = "2026-02-01T10:00:00Z"
METHODS = ["GET", "PUT", "PATCH", "POST", "DELETE", "HEAD", "OPTIONS", "PROPFIND"]
ODD_HEADERS = ["Content-Type", "Accept", "Cookie", "X-A"]
PARTIES = [CPO, EMSP, HUB, RIVAL, "XX/XXX", "nl/tnm", "NL/", "/TNM", "N*/TNM", "NLD/TNMX", "é/ß", None]
MODULES = [
    "locations",
    "sessions",
    "cdrs",
    "tariffs",
    "tokens",
    "commands",
    "chargingprofiles",
    "hubclientinfo",
    "x",
]
GOOD: list[tuple[str, str, str, str, Any]] = [
    ("cpo", "PUT", "receiver/locations", "/BE/BEC/LOC1", LOCATION),
    ("cpo", "PATCH", "receiver/locations", "/BE/BEC/LOC1", {"name": "x", "last_updated": LATER}),
    ("cpo", "PUT", "receiver/locations", "/BE/BEC/LOC1/3256", LOCATION["evses"][0]),
    ("cpo", "PUT", "receiver/tariffs", "/BE/BEC/T1", TARIFF),
    ("cpo", "POST", "sender/tokens", "/012345678/authorize", {"location_id": "LOC1"}),
    ("cpo", "POST", "receiver/cdrs", "", {"id": "C1"}),
    ("emsp", "PUT", "receiver/tokens", "/NL/TNM/012345678", TOKEN),
    ("emsp", "PATCH", "receiver/tokens", "/NL/TNM/012345678", {"valid": False, "last_updated": LATER}),
    ("emsp", "GET", "sender/tokens", "", None),
    ("emsp", "GET", "sender/locations", "/LOC1", None),
    ("emsp", "POST", "receiver/commands", "/STOP_SESSION", {"session_id": "1", "response_url": "OWN/x"}),
    ("emsp", "DELETE", "receiver/chargingprofiles", "/S1", None),
    ("emsp", "GET", "sender/hubclientinfo", "", None),
]  # fmt: skip
#: Whatever may stand in a header: no control characters, and no white space around.
HEADER = st.text(st.characters(max_codepoint=0x24F, categories=("L", "N", "P", "S")), min_size=1, max_size=40)
SEGMENT = st.sampled_from(
    ["BE", "BEC", "NL", "TNM", "LOC1", "%2F", "%00", "%FF", "..;", "%2e%2e", "~", "*", "", "+", "a%0d%0ab"]
) | st.text(max_size=5).map(lambda text: quote(text.encode("utf-8", "replace"), safe=""))
VALUE = SEGMENT | st.sampled_from(
    ["0", "-1", "1e3", "9" * 30, "RFID", "APP_USER", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z",
     "0001-01-01T00:00:00%2B14:00", "http%3A%2F%2F127.0.0.1%3A9%2F"]
)  # fmt: skip
NAME = st.sampled_from(
    ["limit", "offset", "date_from", "date_to", "type", "response_url", "response%5Furl", "duration", "x"]
)
QUERY = st.lists(st.tuples(NAME, VALUE).map("=".join) | SEGMENT, max_size=4).map("&".join)
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.text(max_size=8)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
)
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@dataclass(frozen=True, slots=True)
class Request:
    """What one partner sends."""

    who: str
    method: str
    path: str
    body: bytes | None
    to: str | None
    sender: str | None
    headers: dict[str, str] = field(default_factory=dict)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A request that is right but for some of its parts."""
    who, method, module, tail, value = draw(st.sampled_from(GOOD))
    if draw(st.integers(0, 3)) == 3:
        method = draw(
            st.sampled_from(["GET", "PUT", "PATCH", "POST", "DELETE", "HEAD", "OPTIONS", "PROPFIND"])
        )
    if draw(st.integers(0, 4)) == 4:
        module = f"{draw(st.sampled_from(['sender', 'receiver']))}/{draw(st.sampled_from(MODULES))}"
    if draw(st.integers(0, 4)) == 4:
        tail = "".join(f"/{segment}" for segment in draw(st.lists(SEGMENT, max_size=5)))
    query = draw(st.just("") | QUERY)
    body = None if value is None else to_json(draw(st.just(value) | _changed(value)))
    if draw(st.integers(0, 4)) == 4:
        body = draw(st.binary(max_size=30) | JSON.map(to_json) | st.just(b"[" * 2000))
    to = draw(st.sampled_from([HUB, EMSP if who == "cpo" else CPO]) | st.sampled_from(PARTIES))
    sender = draw(st.just(CPO if who == "cpo" else EMSP) | st.sampled_from(PARTIES))
    ids = {"X-Request-ID": draw(HEADER), "X-Correlation-ID": draw(HEADER)}
    odd = draw(st.dictionaries(st.sampled_from(ODD_HEADERS), HEADER, max_size=2))
    return Request(who, method, f"/{module}{tail}?{query}", body, to, sender, ids | odd)


@st.composite
def _changed(draw: st.DrawFn, value: dict[str, Any]) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(value)))
    return value | {name: draw(JSON)}


@asynccontextmanager
async def with_a_rival(data: Path) -> AsyncIterator[Roaming]:
    """A hub with a CPO and two eMSPs; what one of them tells the CPO is not for the other."""
    async with roaming(data) as world, Recorder([("EMSP", *RIVAL.split("/"))]) as rival:
        await joined(world.hub, rival, "rival")
        token = TOKEN | {"country_code": "DE", "party_id": "RIV", "uid": "R1", "contract_id": SECRET}
        url = world.url("tokens", "RECEIVER", "/DE/RIV/R1")
        assert (await rival.call("PUT", url, token, to=HUB, sender=RIVAL)).code == 1000
        yield world


@pytest.fixture(scope="module")
def runner_and_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Roaming]]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        yield runner, runner.run(stack.enter_async_context(with_a_rival(tmp_path_factory.mktemp("hub"))))
        runner.run(stack.aclose())


@pytest.mark.holds("TR-08", "TR-16", "TR-17", "TR-18", "RT-11", "RT-19", "RT-20", by="hub")
@settings(max_examples=1_000, deadline=None)
@given(request=requests())
def test_whatever_is_sent_has_an_answer_of_ocpi_and_harms_nobody(
    runner_and_world: tuple[asyncio.Runner, Roaming], request: Request
) -> None:
    """TR-08, TR-16 to TR-18, RT-11, RT-19, RT-20, RT-54."""
    runner, world = runner_and_world
    caller, parties = (world.cpo, {CPO}) if request.who == "cpo" else (world.emsp, {EMSP})
    before = len(world.cpo.received), len(world.emsp.received)

    answer = runner.run(sent(world, caller, request))

    event(f"HTTP {answer.status}, OCPI {None if request.method == 'HEAD' else answer.code}")
    assert answer.status < 500
    assert answer.headers["X-Request-ID"] == request.headers["X-Request-ID"]
    assert answer.headers["X-Correlation-ID"] == request.headers["X-Correlation-ID"]
    if request.method != "HEAD":
        assert set(answer.envelope) >= {"status_code", "timestamp"}
        assert answer.status == 200 or answer.code >= 1000
    assert request.who == "cpo" or SECRET.encode() not in answer.body
    for far_end, seen in zip((world.cpo, world.emsp), before, strict=True):
        for got in far_end.received[seen:]:
            assert got.token in far_end.accepted_tokens
            assert got.request_id != request.headers["X-Request-ID"]
            assert got.sender is None or got.sender.upper() in {*parties, HUB}
            assert not {"Cookie", "X-A"} & {name.title() for name in got.headers}


async def sent(world: Roaming, caller: Recorder, request: Request) -> Answered:
    """The answer to a request; its response_url, if it has one, is at the caller's host."""
    body = None if request.body is None else request.body.replace(b"OWN", caller.url.encode())
    routing = {}
    for prefix, party in (("OCPI-to", request.to), ("OCPI-from", request.sender)):
        country_code, _, party_id = (party or "").partition("/")
        routing |= {f"{prefix}-country-code": country_code, f"{prefix}-party-id": party_id}
    url = f"{world.hub.public_url}/ocpi/2.2.1{request.path}"
    headers = {name: value for name, value in (routing | request.headers).items() if value}
    return await caller.call(request.method, url, body=body, headers=headers)


def test_the_journal_has_kept_up(runner_and_world: tuple[asyncio.Runner, Roaming]) -> None:
    """Nothing that partners send keeps the hub from writing down what came after it."""
    runner, world = runner_and_world
    metrics = f"{world.hub.admin_url}/metrics"

    async def written() -> None:
        async with asyncio.timeout(10):
            while b"ocpi_hub_journal_waiting 0.0" not in (await world.cpo.call("GET", metrics)).body:
                pass

    runner.run(written())
