"""What was charged, earned and available, as the running node reports it."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

from partners.charger.driver import rfid_visit
from partners.charger.settings import ChargerSettings
from partners.charger.states import Verdict
from partners.cpo.app import CpoNode
from partners.remote import RemoteNode
from tests.fixtures.cpo_world import SettableClock, cpo_settings, token, world
from tests.fixtures.waiting import until

TODAY = date.fromisoformat(f"{SettableClock()():%Y-%m-%d}")
DAYS = f"from={TODAY - timedelta(days=2)}&to={TODAY + timedelta(days=3)}"


async def asked(node: CpoNode, method: str, path: str, value: dict[str, Any] | None = None) -> Any:
    """What the node's own API answers."""
    return await RemoteNode(node.admin_url, node.admin_key)._ask(method, path, value)


def row(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    (found,) = [each for each in rows if all(each[name] == value for name, value in wanted.items())]
    return found


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_session_is_reported_with_the_energy_and_the_money_of_its_cdr(version: str) -> None:
    async with world(tokens=(token(),)) as made:
        charger = await made.charger(settings=ChargerSettings(version=version))
        visit = await rfid_visit(charger, 1, "CARD1", 3000)
        assert visit.status is Verdict.ACCEPTED
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        report = await asked(made.cpo, "GET", f"/report?{DAYS}")
        for line in (
            row(report["locations"], location_id="square"),
            row(report["locations"], location_id="(all)"),
            row(report["chargers"], charge_point="CP1"),
        ):
            assert (line["sessions"], line["kwh"]) == (1, cdr["total_energy"])
            assert line["revenue"] == [{"currency": "EUR", **cdr["total_cost"]}]
        assert row(report["chargers"], charge_point="CP2")["sessions"] == 0
        assert sum(each["sessions"] for each in report["hours"]) == 1

        await asked(made.cpo, "POST", f"/cdrs/{cdr['id']}/credit")
        report = await asked(made.cpo, "GET", f"/report?{DAYS}")
        (money,) = row(report["locations"], location_id="square")["revenue"]
        assert money["excl_vat"] == money["incl_vat"] == 0
        ended = [each for each in made.cpo.care.log.newest("CP1", 50) if each.kind == "session ended"]
        assert ended[0].detail["wh"] == cdr["total_energy"] * 1000


async def test_an_outage_is_in_the_uptime_until_the_operator_excludes_it() -> None:
    clock = SettableClock()
    async with world(clock=clock) as made:
        charger = await made.charger()
        plain = made.cpo.care.log
        begun = clock()
        charger.break_down(1)
        await until(lambda: any(each.detail.get("status") == "Faulted" for each in plain.newest("CP1", 9)))
        clock.ahead += timedelta(minutes=30)
        charger.repair(1)
        await until(lambda: plain.newest("CP1", 1)[0].detail.get("status") == "Available")
        clock.ahead += timedelta(minutes=30)
        down = [
            each
            for each in (await asked(made.cpo, "GET", f"/report?{DAYS}"))["uptime"]
            if each["charge_point"] == "CP1"
        ]
        assert 30 <= sum(each["down_minutes"] for each in down) < 31
        assert any(each["uk_is_met"] is False for each in down)

        value = {
            "charge_point": "CP1",
            "since": (begun - timedelta(minutes=1)).isoformat(),
            "until": (begun + timedelta(minutes=40)).isoformat(),
            "reason": "vandalism",
        }
        (added,) = await asked(made.cpo, "POST", "/exclusions", value)
        found = [
            each
            for each in (await asked(made.cpo, "GET", f"/report?{DAYS}"))["uptime"]
            if each["charge_point"] == "CP1" and each["uk_percent"] is not None
        ]
        assert all(each["uk_percent"] == each["nevi_percent"] == 100 for each in found)
        assert [each["id"] for each in await asked(made.cpo, "GET", "/exclusions")] == [added["id"]]
        await asked(made.cpo, "DELETE", f"/exclusions/{added['id']}")
        assert await asked(made.cpo, "GET", "/exclusions") == []


async def test_a_node_that_was_killed_knows_nothing_of_its_chargers_meanwhile(tmp_path: Path) -> None:
    clock = SettableClock()
    async with world(tmp_path, clock=clock) as made:
        await made.charger()
        await until(lambda: made.cpo.rounds.looks)
        ran = clock()
        await made.stack.aclose()
        # As a crash leaves it: the last line of the log has the link up.
        await until(lambda: not made.cpo.care.seen.link("CP1").is_up)
        made.cpo.node.database.execute("DELETE FROM charger_event WHERE kind = 'disconnected'")
    clock.ahead += timedelta(hours=3)
    async with CpoNode(cpo_settings(tmp_path), clock=clock) as again:
        await until(lambda: again.rounds.looks)
        last = again.care.log.newest("CP1", 1)[0]
        assert (last.kind, last.detail["reason"]) == ("disconnected", "the node stopped")
        assert abs(last.at - ran) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("from=2026-03-01&to=2026-03-01", "to:"),
        ("from=2026-13&to=2027-01", "from:"),
        ("from=2026-01-01&to=2029-01-01", "to:"),
        ("from=yesterday&to=2027-01", "from:"),
        ("to=2027-01", "from:"),
    ],
)
async def test_days_that_are_none_are_refused_by_name(
    query: str, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with CpoNode(cpo_settings()) as node:
        with pytest.raises(typer.Exit):
            await asked(node, "GET", f"/report?{query}")
    assert capsys.readouterr().err.startswith(wrong)
