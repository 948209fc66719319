"""2.2.1, ChargingProfiles, Receiver interface: the CPO node; its charge point obeys what comes in."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from partners.charger.charge_point import ChargerSimulator
from partners.charger.settings import ChargerSettings
from partners.cli import app
from partners.cpo.app import CpoNode
from tests.fixtures.cpo_world import CPO, EMSP, World, cpo_settings, evse, location, token, world

CAN = [
    location("square", *(evse(f"E{n}", f"CP{n}", capabilities=["CHARGING_PROFILE_CAPABLE"]) for n in (1, 2)))
]
QUICK_BACK = ChargerSettings(reconnect_after=timedelta(milliseconds=20))
#: What the charge point gives, W.
MOST = Decimal(22000)


async def charging(made: World, uid: str = "CARD1") -> tuple[ChargerSimulator, str]:
    """A session under way; its charge point and its id."""
    charger = await made.charger(settings=QUICK_BACK)
    charger.plug_in(1)
    await charger.tap(1, uid)
    return charger, (await made.active())["id"]


def profile(*limits: tuple[int, Any], unit: str = "W", **changes: Any) -> dict[str, Any]:
    periods = [{"start_period": start, "limit": limit} for start, limit in limits or [(0, 6000)]]
    return {"charging_rate_unit": unit, "charging_profile_period": periods, **changes}


async def ask(made: World, method: str, session_id: str, sender: str = EMSP, **changes: Any) -> Any:
    """A request of an eMSP; its result is to come to /results/METHOD."""
    url = f"{made.hub.far_end['chargingprofiles', 'RECEIVER']}/{session_id}"
    there = f"{made.hub.url}/results/{method}"
    if method == "PUT":
        body = {"response_url": there, "charging_profile": profile(), **changes}
        return await made.hub.call("PUT", url, body, to=str(CPO), sender=sender)
    query = {"response_url": there, **({"duration": 900} if method == "GET" else {}), **changes}
    text = "&".join(
        f"{name}={quote(str(value), safe='')}" for name, value in query.items() if value is not None
    )
    return await made.hub.call(method, f"{url}?{text}", to=str(CPO), sender=sender)


async def result(made: World, method: str, count: int = 1) -> Any:
    return (await made.result(method, count)).value


async def limits(made: World, session_id: str, count: int = 1) -> list[tuple[int, Any]]:
    """What is active, as the eMSP is told when it asks."""
    assert (await ask(made, "GET", session_id)).data["result"] == "ACCEPTED"
    found = (await result(made, "GET", count))["profile"]["charging_profile"]
    return [(each["start_period"], each["limit"]) for each in found["charging_profile_period"]]


def able(**changes: Any) -> Any:
    standard = {"locations": CAN, "tokens": (token(),), "profile_pause": timedelta()}
    return world(**(standard | changes))


@pytest.mark.holds("CHP-01", "CHP-03", "CHP-04", "CHP-09", "CHP-14", "CHP-15", by="cpo")
async def test_a_profile_is_set_and_the_charge_point_keeps_within_it() -> None:
    async with able() as made:
        charger, session_id = await charging(made)
        answer = await ask(made, "PUT", session_id)
        assert answer.data["result"] == "ACCEPTED"
        assert answer.data["timeout"] > 30
        posted = await made.result("PUT")
        assert posted.value == {"result": "ACCEPTED"}
        assert (posted.to, posted.sender) == (EMSP, str(CPO))
        await charger.until_energy(1, Decimal(1000))
        assert charger.connector(1).power_w == 6000
        assert await limits(made, session_id) == [(0, 6000)]


@pytest.mark.holds("CHP-04", "CHP-07", by="cpo")
async def test_each_kind_of_request_has_a_result_of_its_own_kind() -> None:
    async with able() as made:
        _, session_id = await charging(made)
        assert await limits(made, session_id) == [(0, MOST)]
        active = await result(made, "GET")
        assert active["result"] == "ACCEPTED"
        assert active["profile"].keys() == {"start_date_time", "charging_profile"}
        assert active["profile"]["charging_profile"]["duration"] == 900
        await ask(made, "DELETE", session_id)
        assert await result(made, "DELETE") == {"result": "UNKNOWN"}
        await ask(made, "PUT", session_id)
        assert await result(made, "PUT") == {"result": "ACCEPTED"}
        await ask(made, "DELETE", session_id)
        assert await result(made, "DELETE", 2) == {"result": "ACCEPTED"}
        assert await limits(made, session_id, 2) == [(0, MOST)]


@pytest.mark.holds("CHP-03", "CHP-08", "CHP-12", by="cpo")
async def test_what_is_not_taken_on_has_no_result() -> None:
    async with able(profile_pause=timedelta(hours=1)) as made:
        charger, session_id = await charging(made)
        for method in ("PUT", "GET", "DELETE"):
            assert (await ask(made, method, "other")).data == {"result": "UNKNOWN_SESSION", "timeout": 0}
            assert (await ask(made, method, session_id, "NL/XYZ")).data["result"] == "REJECTED"
        assert (await ask(made, "PUT", session_id)).data["result"] == "ACCEPTED"
        assert (await ask(made, "PUT", session_id)).data["result"] == "TOO_OFTEN"
        await result(made, "PUT")
        charger.unplug(1)
        await made.session("COMPLETED")
        assert (await ask(made, "GET", session_id)).data["result"] == "REJECTED"
        assert len(made.hub.all("POST", "/results")) == 1


@pytest.mark.holds("CHP-12", by="cpo")
async def test_an_evse_that_cannot_says_so() -> None:
    async with able(locations=[location()]) as made:
        _, session_id = await charging(made)
        for method in ("PUT", "GET", "DELETE"):
            assert (await ask(made, method, session_id)).data["result"] == "NOT_SUPPORTED"
        assert made.hub.all("POST", "/results") == []


@pytest.mark.holds("CHP-01", "CHP-13", by="cpo")
@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("GET", {"duration": None}),
        ("GET", {"duration": "soon"}),
        ("GET", {"duration": 0}),
        ("GET", {"response_url": None}),
        ("DELETE", {"response_url": None}),
        ("DELETE", {"response_url": "https://elsewhere.example/x"}),
        ("PUT", {"charging_profile": profile((0, 8000), (0, 6000))}),
        ("PUT", {"charging_profile": profile((0, Decimal("8.15")), unit="A")}),
        ("PUT", {"charging_profile": {"charging_rate_unit": "W"}}),
    ],
)
async def test_what_is_wrong_or_missing_is_2001(method: str, changes: dict[str, Any]) -> None:
    async with able() as made:
        answer = await ask(made, method, "any", **changes)
        assert (answer.status, answer.code) == (200, 2001)


@pytest.mark.holds("CHP-02", by="cpo")
async def test_a_response_url_with_a_query_of_its_own_arrives_whole() -> None:
    async with able() as made:
        _, session_id = await charging(made)
        await ask(made, "GET", session_id, response_url=f"{made.hub.url}/results/x%2Fy?a=b&c=d%20e")
        posted = await made.hub.receives("POST", "/results/")
        assert (posted.path, posted.query) == ("/results/x%2Fy", "a=b&c=d%20e")


@pytest.mark.holds("CHP-13", by="cpo")
async def test_limits_in_ampere_are_those_of_each_phase_and_the_first_may_begin_later() -> None:
    async with able() as made:
        _, session_id = await charging(made)
        await ask(made, "PUT", session_id, charging_profile=profile((0, 10), (36000, 16), unit="A"))
        assert await result(made, "PUT") == {"result": "ACCEPTED"}
        assert await limits(made, session_id) == [(0, Decimal(6900))]


async def test_a_profile_that_the_charge_point_cannot_follow_is_rejected() -> None:
    async with able() as made:
        _, session_id = await charging(made)
        many = profile(*((n, 6000) for n in range(30)))
        await ask(made, "PUT", session_id, charging_profile=many)
        assert await result(made, "PUT") == {"result": "REJECTED"}


@pytest.mark.holds("CHP-05", "CHP-06", by="cpo")
async def test_whoever_set_a_profile_hears_of_changes_and_nobody_before() -> None:
    async with able() as made:
        _, session_id = await charging(made)
        await made.cpo.charging_profiles.limit_charge_point("CP1", 9000)
        assert made.hub.all("PUT", "/sender/chargingprofiles") == []
        await ask(made, "PUT", session_id, charging_profile=profile((0, 7000)))
        await result(made, "PUT")
        await made.cpo.charging_profiles.limit_charge_point("CP1", 4000)
        told = await made.hub.receives("PUT", "/sender/chargingprofiles")
        assert told.path.endswith(f"/{session_id}")
        assert (told.to, told.sender) == (EMSP, str(CPO))
        active = told.value["charging_profile"]
        assert [each["limit"] for each in active["charging_profile_period"]] == [4000]
        assert 300 <= active["duration"] <= 3600
        await made.cpo.charging_profiles.limit_charge_point("CP1", None)
        told = await made.hub.receives("PUT", "/sender/chargingprofiles", 2)
        assert told.value["charging_profile"]["charging_profile_period"][0]["limit"] == 7000


@pytest.mark.holds("CHP-05", "CHP-07", by="cpo")
async def test_a_restart_forgets_no_setter(tmp_path: Path) -> None:
    async with able(folder=tmp_path) as made:
        charger, session_id = await charging(made)
        await ask(made, "PUT", session_id)
        await result(made, "PUT")
        port = int(made.cpo.ocpp_url.rsplit(":", 1)[1].split("/")[0])
        await made.cpo.__aexit__(None, None, None)
        again = cpo_settings(tmp_path, locations=CAN, ocpp_port=port)
        async with CpoNode(again) as cpo:
            await charger.until_connected()
            await cpo.until(lambda: cpo.central_system.is_connected("CP1") or None)
            await cpo.charging_profiles.limit_charge_point("CP1", 3000)
            told = await made.hub.receives("PUT", "/sender/chargingprofiles")
            assert told.value["charging_profile"]["charging_profile_period"][0]["limit"] == 3000


async def test_an_operator_limits_a_charge_point_from_the_command_line() -> None:
    async with able() as made:
        charger, _ = await charging(made)
        node = ["--node", made.cpo.admin_url, "--key", made.cpo.admin_key]
        limit = ["cpo", "limit", "CP1", "--watt", "5000", *node]
        result = await asyncio.to_thread(CliRunner().invoke, app, limit)
        assert result.exit_code == 0, result.output
        await charger.until_energy(1, Decimal(1000))
        assert charger.connector(1).power_w == 5000
        result = await asyncio.to_thread(CliRunner().invoke, app, ["cpo", "limit", "CP9", *node])
        assert result.exit_code == 1
        assert "CP9" in result.output
