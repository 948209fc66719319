"""What comes from files, endpoints and meters, and what happens when it does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from partners.configuration_file import SettingsWrong
from partners.cpo.energy.feeds import Feeds
from partners.cpo.energy.inputs import NotUsable, document, limits, prices, reading
from partners.cpo.energy.settings import SiteSettings, Source
from partners.cpo.energy.site import Rules
from partners.cpo.energy.supply import outlook
from partners.cpo.energy.wires import ALL, Load
from partners.cpo.settings import settings
from tests.fixtures.clocks import Clock
from tests.fixtures.cpo_world import connector, evse, location, tariff
from tests.fixtures.waiting import until

GRID = Load.of(Decimal(100), ALL)
SAFE = Load.of(Decimal(40), ALL)
READING = {"at": "2026-01-01T12:00:00Z", "amperes": [30, 20, 10]}


def site(*sources: Source) -> SiteSettings:
    return SiteSettings("square", (), GRID, SAFE, Rules(), {each.kind: each for each in sources})


def rows(*values: str) -> str:
    return "\n".join(values)


def room(settings: SiteSettings, feeds: Feeds, clock: Clock, chargers: Load | None = None) -> list[Decimal]:
    told = outlook(settings, feeds.known(), chargers or Load(), clock()).supply.at(clock())
    assert told is not None
    return list(told.phases)


METER = Source("meter", charge_point="CP1", expires=timedelta(seconds=30))


def test_what_others_draw_is_not_there_for_the_chargers() -> None:
    clock, settings = Clock(), site(METER)
    feeds = Feeds(settings, clock)
    feeds.feeds["meter"].take(READING)
    assert room(settings, feeds, clock) == [70, 80, 90]
    # Of what flows, so much goes into cars.
    assert room(settings, feeds, clock, Load.of(Decimal(15), ALL)) == [85, 95, 100]


def test_a_silent_meter_counts_as_an_overload() -> None:
    clock, settings = Clock(), site(METER)
    feeds = Feeds(settings, clock)
    assert room(settings, feeds, clock) == [40, 40, 40]
    feeds.feeds["meter"].take(READING)
    clock.passes(seconds=31)
    assert room(settings, feeds, clock) == [40, 40, 40]
    assert feeds.problems() == {"meter": "nothing new has come for too long"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"amperes": [30, 20]}, "amperes: expected three numbers"),
        ({"amperes": [30, 20, "much"]}, "amperes[2]: expected a number"),
        ({"amperes": [30, 20, 9000]}, "9000 A on L3"),
        ({"amperes": [30, 20, "NaN"]}, "amperes[2]: expected a number"),
        ({"at": "2026-01-01T12:30:00Z"}, "has not come yet"),
        ({"at": "2026-01-01T11:00:00Z"}, "too old"),
        ({"at": None}, "at: expected an instant"),
    ],
)
def test_a_meter_that_says_what_cannot_be_counts_as_an_overload(changes: Any, named: str) -> None:
    clock, settings = Clock(), site(METER)
    feeds = Feeds(settings, clock)
    feeds.feeds["meter"].take(READING)
    feeds.feeds["meter"].take(READING | changes)
    assert named in feeds.problems()["meter"]
    assert room(settings, feeds, clock) == [40, 40, 40]
    clock.passes(seconds=5)
    feeds.feeds["meter"].take(READING | {"at": "2026-01-01T12:00:05Z"})
    assert feeds.problems() == {}
    assert room(settings, feeds, clock) == [70, 80, 90]


def test_a_limit_of_the_hour_that_has_expired_leaves_the_safe_limit() -> None:
    clock, settings = Clock(), site(Source("limit", file=Path("x"), expires=timedelta(hours=1)))
    feeds = Feeds(settings, clock)
    assert room(settings, feeds, clock)[0] == 40
    feeds.feeds["limit"].take({"steps": [{"from": "2026-01-01T00:00:00Z", "amperes": 63}]})
    assert room(settings, feeds, clock)[0] == 63
    feeds.feeds["limit"].take({"steps": [{"from": "2026-01-01T00:00:00Z", "amperes": -5}]})
    assert feeds.problems()["limit"].startswith("steps[0].amperes: expected a number of at least 0")
    assert room(settings, feeds, clock)[0] == 63
    clock.passes(minutes=61)
    assert room(settings, feeds, clock)[0] == 40


def test_a_battery_adds_what_it_gives_until_its_state_expires() -> None:
    clock, settings = Clock(), site(Source("battery", file=Path("x"), expires=timedelta(minutes=5)))
    feeds = Feeds(settings, clock)
    feeds.feeds["battery"].take({"steps": [{"from": "2026-01-01T00:00:00Z", "watt": 6900}]})
    assert room(settings, feeds, clock)[0] == 110
    clock.passes(minutes=6)
    assert room(settings, feeds, clock)[0] == 100


def test_the_same_is_read_from_csv_toml_and_json() -> None:
    told = [
        (rows("from,price", "2026-01-01T00:00:00Z,0.21", "2026-01-01T01:00:00Z,-0.02"), "p.csv"),
        (
            rows(
                "[[steps]]",
                "from = 2026-01-01T00:00:00Z",
                "price = 0.21",
                "[[steps]]",
                'from = "2026-01-01T01:00:00Z"',
                "price = -0.02",
            ),
            "p.toml",
        ),
        (
            (
                '{"steps":[{"from":"2026-01-01T00:00:00Z","price":0.21},'
                '{"from":"2026-01-01T01:00:00Z","price":-0.02}]}'
            ),
            "p.json",
        ),
    ]
    read = [prices(document(text, name)) for text, name in told]
    assert read[0] == read[1] == read[2]
    assert [value for _, value in read[0].points] == [Decimal("0.21"), Decimal("-0.02")]


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (prices, {}),
        (prices, {"steps": []}),
        (prices, {"steps": ["x"]}),
        (prices, {"steps": [{"from": "today", "price": 1}]}),
        (prices, {"steps": [{"from": "2026-01-01T00:00:00Z", "price": True}]}),
        (limits, {"steps": [{"from": "2026-01-01T00:00:00Z"}]}),
        (limits, {"steps": [{"from": "2026-01-01T00:00:00Z", "watt": 1, "amperes": 1}]}),
        (reading, []),
    ],
)
def test_what_is_wrong_is_refused_by_name(read: Any, told: Any) -> None:
    with pytest.raises(NotUsable):
        read(told)


@asynccontextmanager
async def endpoint(answers: list[web.Response]) -> AsyncIterator[str]:
    """Gives its answers one after the other, and the last one for ever."""

    async def answer(_: web.Request) -> web.Response:
        told = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.Response(status=told.status, body=told.body, content_type=told.content_type)

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_an_endpoint_that_is_down_keeps_its_last_value_until_it_expires() -> None:
    clock = Clock()
    good = web.Response(text="from,amperes\n2026-01-01T00:00:00Z,63\n", content_type="text/csv")
    async with endpoint([good, web.Response(status=503)]) as url:
        settings = site(Source("limit", url=url, every=timedelta(milliseconds=5)))
        feeds = Feeds(settings, clock)
        came = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(feeds.run(came.set))
            await until(lambda: feeds.problems().get("limit") == "HTTP 503")
            assert room(settings, feeds, clock)[0] == 63
            clock.passes(hours=2)
            assert room(settings, feeds, clock)[0] == 40
            reading.cancel()
    assert came.is_set()


async def test_a_file_is_read_again_and_again(tmp_path: Path) -> None:
    file = tmp_path / "limit.csv"
    file.write_text("from,watt\n2026-01-01T00:00:00Z,13800\n")
    clock = Clock()
    settings = site(Source("limit", file=file, every=timedelta(milliseconds=5)))
    feeds = Feeds(settings, clock)
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(feeds.run(lambda: None))
        await until(lambda: feeds.known().limit)
        told = outlook(settings, feeds.known(), Load(), clock()).supply.at(clock())
        assert told is not None
        assert told.total == 60
        file.unlink()
        await until(lambda: "cannot be read" in feeds.problems().get("limit", ""))
        reading.cancel()


def site_of(number: int = 2, **changes: Any) -> Any:
    evses = [evse(f"E{n}", f"CP{n}") for n in range(1, number + 1)]
    one_phase = evse("S", "CPS", connectors=[connector(power_type="AC_1_PHASE")])
    dc = evse("D", "CPD", connectors=[connector(power_type="DC", max_electric_power=50000)])
    table = {"location": "square", "grid_watt": 100_000, **changes}
    return settings(
        {
            "node": {"party": "NL/CPO", "name": "CPO"},
            "tariffs": [tariff()],
            "locations": [location("square", *evses, one_phase, dc)],
            "sites": [{name: value for name, value in table.items() if value is not None}],
        }
    ).sites[0]


def test_a_site_knows_its_connectors_their_phases_and_what_they_give() -> None:
    made = site_of(1, charge_points={"CP1": {"rotation": "STR"}, "CPS": {"rotation": "T"}})
    assert [(each.wires, round(each.most)) for each in made.outlets] == [
        ((1, 2, 0), 32),
        ((2,), 32),
        (ALL, 72),
    ]
    assert round(made.grid.l1, 1) == Decimal("144.9")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"location": "elsewhere"}, "sites[0].location: there is no location 'elsewhere'"),
        ({"grid_watt": None}, "sites[0].grid_watt: missing"),
        ({"grid_watt": 0}, "sites[0].grid_watt: expected W, more than 0"),
        ({"strategy": "luck"}, "sites[0].strategy: expected one of equal, first-come, departure"),
        ({"grid_amperes": [1, 2]}, "sites[0].grid_amperes: expected A"),
        ({"grid": 5}, "sites[0].grid: unknown"),
        ({"charge_points": {"CP7": {"rotation": "RST"}}}, "sites[0].charge_points.CP7: there is no such"),
        ({"charge_points": {"CP1": {"rotation": "XYZ"}}}, "sites[0].charge_points.CP1.rotation: expected"),
        ({"meter": {"url": "http://127.0.0.1/"}}, "sites[0].safe_watt: missing"),
        (
            {"meter": {"charge_point": "CP9"}, "safe_watt": 50_000},
            "sites[0].meter.charge_point: there is no charge point 'CP9'",
        ),
        ({"price": {}}, "sites[0].price: expected one of file, url"),
        ({"price": {"url": "x"}}, "sites[0].price.url: expected an http or https URL"),
        ({"fallback_amperes": 3}, "sites[0].fallback_amperes: expected 0, or at least 6"),
        ({"grid_amperes": 15}, "sites[0].fallback_amperes: all connectors without a link come to 24"),
    ],
)
def test_what_is_wrong_with_a_site_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsWrong) as refused:
        site_of(**changes)
    assert named in str(refused.value)
