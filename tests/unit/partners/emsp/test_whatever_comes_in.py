"""Whatever a partner sends to an eMSP: it is answered as OCPI says, never with a failure of ours."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures.emsp_world import World, emsp_world
from tests.fixtures.samples import cdr, client_info, location, session, tariff, token

TEXT = st.text(max_size=8) | st.sampled_from(
    ["BE", "BEC", "LOC1", "NL", "#NA", "2026-01-01T10:00:00Z", "\0", "é"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3).filter(lambda number: abs(number) < 10**12)
    | TEXT
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
#: Path, and what belongs there.
GOOD = [
    ("locations/receiver/BE/BEC/LOC1", location()),
    ("locations/receiver/BE/BEC/LOC1/E1", location()["evses"][0]),
    ("locations/receiver/BE/BEC/LOC1/E1/1", location()["evses"][0]["connectors"][0]),
    ("tariffs/receiver/BE/BEC/T1", tariff()),
    ("sessions/receiver/BE/BEC/S1", session()),
    ("cdrs/receiver", cdr()),
    ("tokens/sender/04A1B2C3/authorize", {"location_id": "LOC1", "evse_uids": ["E1"]}),
    ("tokens/receiver/NL/EMA/04A1B2C3", token()),
    ("hubclientinfo/receiver/BE/BEC", client_info()),
    ("commands/sender/START_SESSION/x", {"result": "ACCEPTED"}),
    ("chargingprofiles/sender/GET/x", {"result": "ACCEPTED"}),
    (
        "chargingprofiles/sender/S1",
        {
            "start_date_time": "2026-01-01T10:00:00Z",
            "charging_profile": {
                "charging_rate_unit": "W",
                "charging_profile_period": [{"start_period": 0, "limit": 1}],
            },
        },
    ),
    ("credentials", {"token": "t", "url": "http://127.0.0.1:1/v", "roles": []}),
]
METHODS = st.sampled_from(["GET", "PUT", "PATCH", "POST"])


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Any]:
    """A path and a body of which one place is another value, or gone."""
    path, value = draw(st.sampled_from(GOOD))
    return path, _changed(draw, value)


def _changed(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(value)))
        if draw(st.integers(0, 4)) == 0:
            return {key: each for key, each in value.items() if key != name}
        return value | {name: _changed(draw, value[name])}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        return [_changed(draw, value[0]), *value[1:]]
    return draw(JSON)


@asynccontextmanager
async def stocked() -> AsyncIterator[World]:
    async with emsp_world() as world:
        for path, value in GOOD[:5]:
            await world.call("PUT", path, value)
        yield world


@pytest.fixture(scope="module")
def runner_and_world() -> Iterator[tuple[asyncio.Runner, World]]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        yield runner, runner.run(stack.enter_async_context(stocked()))
        runner.run(stack.aclose())


@settings(max_examples=300, deadline=None)
@given(METHODS, mutated())
def test_a_body_with_anything_in_it_is_answered(
    runner_and_world: tuple[asyncio.Runner, World], method: str, request_: tuple[str, Any]
) -> None:
    runner, world = runner_and_world
    path, value = request_
    answer = runner.run(world.call(method, path, value, sender="HU/HUB"))
    assert answer.status in {200, 201, 404, 405}, answer.body
    assert answer.code in {1000, 2000, 2001, 2002, 2003, 2004, 3001}


@st.composite
def somehow(draw: st.DrawFn, value: Any) -> Any:
    """A value with another one in up to three of its places."""
    for _ in range(draw(st.integers(1, 3))):
        value = _changed(draw, value)
    return value


NUMBERS = itertools.count()


@settings(max_examples=80, deadline=None)
@given(somehow(cdr()), somehow(session()), somehow(tariff()))
def test_what_was_taken_is_priced_or_said_not_to_be(
    runner_and_world: tuple[asyncio.Runner, World], bill: Any, running: Any, prices: Any
) -> None:
    """A CDR has a bill, a session a cost so far, and a connector a quote, or a reason why not."""
    runner, world = runner_and_world
    number = f"N{next(NUMBERS)}"
    bearer = {"Authorization": f"Bearer {world.node.admin_key}"}

    def told(method: str, path: str, value: Any) -> None:
        if isinstance(value, dict):
            runner.run(world.call(method, path, {**value, "id": path.rpartition("/")[2]}, sender="HU/HUB"))

    def asked(method: str, path: str, *value: Any) -> int:
        url = f"{world.node.admin_url}/node{path}"
        return runner.run(world.hub.call(method, url, *value, headers=bearer)).status

    told("PUT", "tariffs/receiver/BE/BEC/T1", prices)
    told("PUT", f"sessions/receiver/BE/BEC/{number}", running)
    if isinstance(bill, dict):
        bill = {**bill, "id": number}
        taken = runner.run(world.call("POST", "cdrs/receiver", bill, sender="BE/BEC")).status == 201
        assert asked("GET", f"/bills/{number}") == (200 if taken else 409)
    assert asked("GET", "/sessions") == 200
    wish = {"location": "LOC1", "evse": "E1", "connector": "1", "energy": 1, "minutes": 60}
    assert asked("POST", "/quotes", wish) in {200, 409}


@settings(max_examples=150, deadline=None)
@given(METHODS, st.sampled_from(GOOD), st.binary(max_size=40))
def test_a_body_of_any_bytes_is_answered(
    runner_and_world: tuple[asyncio.Runner, World], method: str, good: tuple[str, Any], body: bytes
) -> None:
    runner, world = runner_and_world
    answer = runner.run(world.call(method, good[0], body=body, sender="HU/HUB"))
    assert answer.status in {200, 201, 400, 404, 405}, answer.body


SEGMENT = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/?#%"), min_size=1, max_size=6
) | st.sampled_from(["%2F", "%00", "%FF", "%", "..", "BE", "BEC", "%C3%A9"])


@settings(max_examples=150, deadline=None)
@given(
    METHODS, st.sampled_from(["locations", "tariffs", "sessions", "cdrs", "hubclientinfo"]), st.lists(SEGMENT)
)
def test_any_path_is_answered(
    runner_and_world: tuple[asyncio.Runner, World], method: str, module: str, segments: list[str]
) -> None:
    runner, world = runner_and_world
    path = "/".join([module, "receiver", *segments])
    answer = runner.run(world.call(method, path, {"last_updated": "2026-01-01T10:00:00Z"}, sender="HU/HUB"))
    assert answer.status in {200, 400, 404, 405}, answer.body


QUERY = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#%"), max_size=20
) | st.sampled_from(
    ["limit=%FF", "offset=%", "limit=99999999999999999999999", "date_from=9999-12-31T23:59:59Z"]
)


@settings(max_examples=150, deadline=None)
@given(QUERY, QUERY)
def test_any_query_is_answered(
    runner_and_world: tuple[asyncio.Runner, World], first: str, second: str
) -> None:
    runner, world = runner_and_world
    answer = runner.run(world.call("GET", f"tokens/sender?{first}&{second}"))
    assert (answer.status, answer.code) in {(200, 1000), (200, 2001)}, answer.body


def test_the_world_still_stands(runner_and_world: tuple[asyncio.Runner, World]) -> None:
    runner, world = runner_and_world
    answer = runner.run(
        world.call("PUT", "sessions/receiver/BE/BEC/LAST", session(id="LAST", kwh=Decimal(1)))
    )
    assert answer.status == 201
