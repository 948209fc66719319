"""The benchmarks: each runs, on a scale on which its figures mean nothing, and counts what it says."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.bench.__main__ import measured
from tests.bench.loading import NUMBER, Request, load
from tests.bench.measurements import MEASUREMENTS
from tests.bench.obtaining import Missing, native, nginx_here
from tests.bench.processes import start_warm_ones
from tests.bench.restart import OBJECTS, lost_and_back
from tests.bench.results import Findings
from tests.bench.scale import TINY
from tests.bench.upstream import Arrival, upstream
from tests.bench.written import PAGE, Circumstances, write, write_page
from tests.fixtures.ports import free_port


@pytest.fixture(autouse=True)
def _compiled() -> None:
    for name in ("load", "answers"):
        try:
            native(name)
        except Missing as missing:
            pytest.skip(str(missing))


@pytest.fixture(scope="module", autouse=True)
def _started_soon() -> None:
    start_warm_ones()


@pytest.mark.parametrize("name", MEASUREMENTS)
async def test_it_finds_figures(name: str, tmp_path: Path) -> None:
    if name.startswith("relay") and nginx_here() is None:
        pytest.skip("no nginx; the benchmark itself would fetch it")
    found = await measured(name, TINY, tmp_path)
    assert found.rows, found.notes
    assert all(row.figures for row in found.rows)


@pytest.fixture
async def fickle() -> AsyncIterator[int]:
    """The port of a platform that is well, refuses, fails and breaks off, by the last digit of the path."""

    async def answer(request: web.Request) -> web.Response:
        match int(request.path[-1]):
            case 7:
                return web.json_response({"status_code": 2001})
            case 8:
                return web.Response(status=500, text="<h1>500</h1>")
            case 9:
                assert request.transport is not None
                request.transport.abort()
        return web.json_response({"status_code": 1000})

    application = web.Application()
    application.router.add_get("/{name}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield port
    await runner.cleanup()


async def test_only_answers_of_success_count_and_their_numbers_are_written_down(
    fickle: int, tmp_path: Path
) -> None:
    numbers = tmp_path / "good"
    asked = [
        Request("GET", f"/{NUMBER}", "token", None, "NL/TNM"),
        Request("GET", f"/{NUMBER}", "token", None, "NL/TNM", kind=1),
    ]
    found = await load(tmp_path, fickle, asked, seconds=0.5, connections=1, good_numbers=numbers)
    good = [int(each) for each in numbers.read_text().split()]
    assert len(good) == found.good > 0
    assert {each % 10 for each in good} <= {0, 1, 2, 3, 4, 5, 6}
    # Even numbers are of one class, where 500 is the only fault, odd ones of the other.
    even, odd = found.kinds[0], found.kinds[1]
    assert (even.failed > 0, even.lost) == (True, 0)
    assert (odd.failed > 0, odd.lost > 0) == (True, True)


async def test_requests_come_at_the_rate_that_was_asked_for(tmp_path: Path) -> None:
    async with upstream(tmp_path / "far", is_recorded=True) as far:
        asked = [Request("GET", f"/a/{NUMBER}", "token", None, "NL/TNM")]
        found = await load(tmp_path, far.port, asked, seconds=0.5, rate=100, connections=4, first_number=7)
        arrived = await far.arrivals()
    assert found.good == len(arrived) == 50
    assert arrived[0].path == "/a/00000007"


async def test_a_platform_hangs_or_is_slow_as_its_name_says(tmp_path: Path) -> None:
    async with upstream(tmp_path / "far") as far:
        asked = [
            Request("GET", f"/{name}/x", "token", None, "NL/TNM", kind=kind)
            for kind, name in enumerate(("well", "hang", "slow"))
        ]
        found = await load(tmp_path, far.port, asked, seconds=0.1, rate=30, connections=3)
    assert [found.kinds[kind].good for kind in range(3)] == [1, 0, 0]
    assert [found.kinds[kind].unanswered for kind in range(3)] == [0, 1, 1]


def came(name: str, *versions: int) -> list[Arrival]:
    path = f"/{name}/receiver/locations/BE/BEC/LOC000"
    return [Arrival(float(at), "PUT", path, version) for at, version in enumerate(versions)]


def test_what_was_accepted_and_did_not_come_is_lost() -> None:
    accepted = [0, OBJECTS]
    assert lost_and_back(accepted, came("a", 0, OBJECTS), count=1) == (0, 0)
    assert lost_and_back(accepted, came("a", 0), count=1) == (1, 0)
    assert lost_and_back(accepted, came("a", OBJECTS), count=2) == (1, 0)


def test_a_state_that_comes_after_a_newer_one_went_back_and_the_same_again_did_not() -> None:
    arrived = came("a", 0, OBJECTS, OBJECTS, 0)
    assert lost_and_back([OBJECTS], arrived, count=1) == (0, 1)


def test_a_result_stays_when_another_is_measured_anew(tmp_path: Path) -> None:
    circumstances = Circumstances("2026-01-01T00:00:00Z", "tiny", "2 cores", "3.11.7")
    first, second = Findings("The first"), Findings("The second")
    first.row("something", figure=0.5)
    first.at_least("something", 1.0, 0.5)
    second.row("else", figure=2)
    write({"one": first}, circumstances, tmp_path)
    write({"two": second}, circumstances, tmp_path)
    write_page(["one", "two", "three"], tmp_path)
    page = (tmp_path / PAGE).read_text()
    assert "| something | ≥ 1 | 0.50 | MISSED |" in page
    assert page.index("## The first") < page.index("## The second")
