"""A site with chargers of every OCPP version over real sockets, in simulated time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from typer.testing import CliRunner

from partners.charger.charge_point import ChargerSimulator
from partners.charger.firmware import Behaviour, Manner
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.charger.vehicle import Vehicle
from partners.cli import app
from partners.cpo.app import CpoNode
from partners.cpo.configuration import configuration
from partners.cpo.energy.settings import site_settings
from partners.cpo.energy.steering import Steering
from schemas import exact_json
from tests.fixtures.cpo_world import CPO, EMSP, World, evse, location, tariff, token, world
from tests.fixtures.waiting import until

ABLE = ["CHARGING_PROFILE_CAPABLE", "CHARGING_PREFERENCES_CAPABLE"]
VERSIONS = ("1.6", "2.0.1", "2.1", "1.6")
SPEED = 600


def square(number: int) -> dict[str, Any]:
    evses = [evse(f"E{n}", f"CP{n}", capabilities=ABLE) for n in range(1, number + 1)]
    return location("square", *evses)


def sites(number: int, **changes: Any) -> Any:
    told = {
        "sites": [
            {
                "location": "square",
                "grid_amperes": 36,
                "interval_seconds": 5,
                "tick_seconds": Decimal("0.02"),
                **changes,
            }
        ]
    }
    tables = {"tariffs": [tariff()], "locations": [square(number)]}
    wrong: list[Any] = []
    found = site_settings(told, configuration(tables), Path(), wrong)
    assert wrong == []
    return found


@dataclass
class Site:
    made: World
    chargers: Sequence[ChargerSimulator]
    time: SimulatedTime

    @property
    def steering(self) -> Steering:
        return self.made.cpo.sites.all[0]

    def amperes(self) -> list[Decimal]:
        return [each.connector(1).power_w / 690 for each in self.chargers]

    def told(self, amperes: int) -> list[Any]:
        """What the eMSP was told of an active profile with such a limit."""
        everything = self.made.hub.all("PUT", "/sender/chargingprofiles")
        return [each for each in everything if _first_limit(each.value) == amperes * 690]

    async def until(self, *amperes: int | str) -> None:
        """Wait until the cars draw so much; the limit is watched all the time."""
        wanted = [Decimal(each) for each in amperes]

        def is_so() -> bool:
            drawn = self.amperes()
            assert sum(drawn) <= 36, drawn
            return all(abs(one - other) < Decimal("0.15") for one, other in zip(drawn, wanted, strict=True))

        try:
            await until(is_so)
        except TimeoutError:
            raise AssertionError([self.amperes(), self.steering.site.lines(self.time.now())]) from None

    async def comes(self, number: int, vehicle: Vehicle | None = None) -> None:
        self.chargers[number].plug_in(1, vehicle or Vehicle(capacity_wh=Decimal(10**6)))
        await self.chargers[number].tap(1, f"CARD{number + 1}")


def _first_limit(active: dict[str, Any]) -> Any:
    return active["charging_profile"]["charging_profile_period"][0]["limit"]


@asynccontextmanager
async def site(number: int = 3, folder: Path | None = None, **changes: Any) -> AsyncIterator[Site]:
    time = SimulatedTime(lambda: datetime.now(UTC), SPEED)
    tokens = tuple(token(f"CARD{n}") for n in range(1, number + 1))
    async with world(
        folder,
        tokens=tokens,
        locations=[square(number)],
        sites=sites(number, **changes),
        clock=time.now,
        profile_pause=timedelta(),
    ) as made:
        made.time = time
        settings = [
            ChargerSettings(version=VERSIONS[n], reconnect_after=timedelta(milliseconds=20))
            for n in range(number)
        ]
        chargers = [await made.charger(f"CP{n + 1}", each) for n, each in enumerate(settings)]
        here = Site(made, chargers, time)
        await until(lambda: all(each.is_prepared for each in here.steering.site.accounts.values()))
        yield here


async def test_three_chargers_of_three_versions_share_and_never_exceed_the_limit() -> None:
    async with site() as here:
        await here.comes(0)
        await here.until(32, 0, 0)
        await here.comes(1)
        await here.until(18, 18, 0)
        await here.comes(2)
        await here.until(12, 12, 12)
        here.chargers[0].unplug(1)
        await here.until(0, 18, 18)


@pytest.mark.holds("CHP-05", "CHP-15", by="cpo")
async def test_the_lower_of_an_emsps_profile_and_ours_wins_and_the_emsp_hears_of_changes() -> None:
    async with site() as here:
        await here.comes(0)
        session = (await here.made.active())["id"]
        url = f"{here.made.hub.far_end['chargingprofiles', 'RECEIVER']}/{session}"
        periods = [{"start_period": 0, "limit": 20}]
        body = {
            "response_url": f"{here.made.hub.url}/results/PUT",
            "charging_profile": {"charging_rate_unit": "A", "charging_profile_period": periods},
        }
        await here.made.hub.call("PUT", url, body, to=str(CPO), sender=EMSP)
        assert (await here.made.result("PUT")).value == {"result": "ACCEPTED"}
        await here.until(20, 0, 0)
        await here.comes(1)
        await here.until(18, 18, 0)
        told = await here.made.hub.until(lambda: here.told(18))
        assert told[-1].path.endswith(f"/{session}")
        assert (told[-1].to, told[-1].sender) == (EMSP, str(CPO))
        await here.made.hub.call(
            "DELETE", f"{url}?response_url={here.made.hub.url}/results/DELETE", to=str(CPO), sender=EMSP
        )
        assert (await here.made.result("DELETE")).value == {"result": "ACCEPTED"}
        here.chargers[1].unplug(1)
        await here.until(32, 0, 0)


async def test_a_charger_that_refuses_a_reduction_keeps_others_from_getting_its_share() -> None:
    async with site() as here:
        await here.comes(0)
        await here.until(32, 0, 0)
        here.chargers[0].firmware.behave(Behaviour(Manner.REJECT), "SetChargingProfile")
        await here.comes(1)
        await until(lambda: "did not follow" in here.steering.site.lines(here.time.now())[0].why)
        assert here.amperes()[1] == 0
        # Its lease ends: it falls back by itself, and the other one gets the rest.
        await here.until(6, 30, 0)
        here.chargers[0].firmware.behave(Behaviour(), "SetChargingProfile")
        await here.until(18, 18, 0)


async def test_a_charger_that_is_away_falls_back_and_others_get_what_that_leaves() -> None:
    async with site() as here:
        await here.comes(0)
        await here.comes(1)
        await here.until(18, 18, 0)
        await here.chargers[1].go_offline()
        await here.until(30, 6, 0)
        here.chargers[1].go_online()
        await here.until(18, 18, 0)


async def test_the_command_line_says_who_has_what_and_why() -> None:
    async with site() as here:
        await here.comes(0)
        await here.comes(1)
        await here.until(18, 18, 0)
        node = ["--node", here.made.cpo.admin_url, "--key", here.made.cpo.admin_key]

        async def run(*words: str) -> str:
            result = await asyncio.to_thread(CliRunner().invoke, app, ["cpo", "site", *words, *node])
            assert result.exit_code == 0, result.output
            return result.output

        assert "square" in await run("list")
        shown = await run("show", "square")
        assert "its part of what there is" in shown
        assert "nobody charges" in shown
        found = exact_json.decode((await run("show", "square", "--json")).encode())
        assert [each["share_amperes"] for each in found["connectors"]] == [18, 18, None]
        assert found["limit"]["amperes"] == [36, 36, 36]
        headers = {"Authorization": f"Bearer {here.made.cpo.admin_key}"}
        url = f"{here.made.cpo.admin_url}/node/metrics/sites"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            assert 'ocpi_cpo_site_limit_amperes{phase="L1",site="square"} 36.0' in await answer.text()


async def test_preferences_of_a_driver_count_where_power_is_shared_by_departure() -> None:
    async with site(strategy="departure") as here:
        await here.comes(0)
        session = (await here.made.active())["id"]
        await here.comes(1)
        await here.until(18, 18, 0)
        # All that 23 A give until then: it cannot wait.
        departs = here.time.now() + timedelta(hours=2)
        wanted = {
            "profile_type": "REGULAR",
            "departure_time": departs.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "energy_need": 40,
        }
        url = f"{here.made.hub.far_end['sessions', 'SENDER']}/{session}/charging_preferences"
        answer = await here.made.hub.call("PUT", url, wanted, to=str(CPO), sender=EMSP)
        assert answer.data == "ACCEPTED"
        await until(lambda: here.amperes()[0] > 28)


async def test_a_car_on_one_phase_and_one_on_three_share_that_phase_only() -> None:
    async with site() as here:
        await here.comes(0, Vehicle(capacity_wh=Decimal(10**6), phases=1))
        await here.comes(1)
        # A third of 18 A on three phases; then it is known that it uses one, which is not shared otherwise.
        await until(lambda: here.steering.site.lines(here.time.now())[0].wires == (0,))
        await here.until(6, 18, 0)


async def test_a_restarted_cpo_counts_what_it_may_have_promised_and_goes_on(tmp_path: Path) -> None:
    async with site(folder=tmp_path) as here:
        await here.comes(0)
        await here.comes(1)
        await here.until(18, 18, 0)
        port = int(here.made.cpo.ocpp_url.rsplit(":", 1)[1].split("/")[0])
        await here.made.cpo.__aexit__(None, None, None)
        settings = replace(here.made.cpo.settings, ocpp_port=port)
        async with CpoNode(settings, clock=here.time.now) as again:
            here.made.cpo = again
            accounts = here.steering.site.accounts.values()
            assert all(each.is_prepared for each in accounts)
            await until(
                lambda: [each.confirmed and each.confirmed.amperes for each in accounts][:2] == [18, 18]
            )
            await here.until(18, 18, 0)
