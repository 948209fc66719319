"""Alerts, logs and reports from another terminal; and what a configuration may not say."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from partners.charger.driver import rfid_visit
from partners.cli import app
from partners.configuration_file import SettingsWrong
from partners.cpo.app import CpoNode
from partners.cpo.health.thresholds import HEALTH, Thresholds
from partners.cpo.settings import settings
from schemas import exact_json
from tests.fixtures.cpo_world import location, tariff, token, world
from tests.fixtures.waiting import until

QUICK = Thresholds(faulted_after=timedelta(), look_every=timedelta(milliseconds=10), calm=timedelta(hours=1))


async def said(node: CpoNode, *command: str, status: int = 0) -> str:
    """What a command prints."""
    arguments = ["cpo", *command, "--node", node.admin_url, "--key", node.admin_key]
    result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert result.exit_code == status, result.output
    return result.output


async def test_alerts_are_shown_paused_and_closed() -> None:
    async with world(health=QUICK) as made:
        charger = await made.charger()
        assert "repairs: paused" not in await said(made.cpo, "alerts")
        assert "paused" in await said(made.cpo, "alerts", "pause", "CP1")
        charger.break_down(1)
        await until(made.cpo.care.book.all_open)
        shown = await said(made.cpo, "alerts")
        assert all(word in shown for word in ("CP1", "faulted", "OtherError", "(paused)", "open"))
        assert exact_json.decode((await said(made.cpo, "alerts", "--json")).encode())[0]["rule"] == "faulted"
        charger.repair(1)
        assert "on" in await said(made.cpo, "alerts", "resume", "CP1")
        assert "operator" in await said(made.cpo, "alerts", "close", "1")
        assert "there is no open alert 1" in await said(made.cpo, "alerts", "close", "1", status=1)
        assert "operator" in await said(made.cpo, "alerts", "--all")
        assert "there is no charge point XX" in await said(made.cpo, "alerts", "pause", "XX", status=1)
        events = await said(made.cpo, "events", "CP1")
        assert all(word in events for word in ("connected", "booted", "Faulted", "error_code OtherError"))


async def test_the_report_is_a_table_csv_files_and_a_page(tmp_path: Path) -> None:
    async with world(tokens=(token(),)) as made:
        await rfid_visit(await made.charger(), 1, "CARD1", Decimal(2000))
        await made.hub.receives("POST", "/receiver/cdrs")
        today = made.cpo.node.clock().date()
        days = ("--from", str(today - timedelta(days=2)), "--to", str(today + timedelta(days=3)))
        table = await said(made.cpo, "report", *days)
        assert all(word in table for word in ("square", "CP1", "CP2", "EUR", "NEVI"))
        html, folder = tmp_path / "report.html", tmp_path / "csv"
        written = await said(made.cpo, "report", *days, "--html", str(html), "--csv", str(folder))
        assert "report.html is written" in written
        assert "<svg" in html.read_text()
        assert {each.name for each in folder.iterdir()} == {
            "uptime.csv",
            "locations.csv",
            "chargers.csv",
            "hours.csv",
        }
        nowhere = str(tmp_path / "none" / "x.html")
        assert "cannot write" in await said(made.cpo, "report", *days, "--html", nowhere, status=1)


async def test_exclusions_are_added_listed_and_removed() -> None:
    async with world() as made:
        span = ("--from", "2026-03-01T08:00:00Z", "--to", "2026-03-01T09:00:00Z")
        added = await said(made.cpo, "exclusion", "add", "CP1", *span, "--reason", "grid", "--note", "storm")
        assert "storm" in added
        assert "2026-03-01T08:00:00Z" in await said(made.cpo, "exclusion", "list")
        back = ("--from", span[3], "--to", span[1])
        wrong = await said(made.cpo, "exclusion", "add", "CP1", *back, "--reason", "grid", status=1)
        assert "until: expected an instant after since" in wrong
        unknown = await said(
            made.cpo, "exclusion", "add", "CP1", *span, "--reason", "grid", "--connector", "9", status=1
        )
        assert "charge point CP1 has no connector 9" in unknown
        await said(made.cpo, "exclusion", "remove", "1")
        assert "there is no exclusion 1" in await said(made.cpo, "exclusion", "remove", "1", status=1)


# The configuration.


def configured(**health: Any) -> Thresholds:
    told = {
        "node": {"party": "NL/CPO", "name": "CPO"},
        "tariffs": [tariff()],
        "locations": [location()],
        "health": health,
    }
    return settings(told).health


def test_every_threshold_can_be_set_by_a_name_with_its_unit() -> None:
    assert {setting.field for setting in HEALTH.values()} == set(Thresholds.__slots__)
    found = configured(
        offline_after_seconds=90, unmetered_kwh=Decimal("0.5"), retention_days=30, repairs=False
    )
    assert found.offline_after == timedelta(seconds=90)
    assert found.unmetered_kwh == Decimal("0.5")
    assert found.retention == timedelta(days=30)
    assert not found.repairs
    assert configured() == Thresholds()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("offline_after_seconds", 0),
        ("offline_after_seconds", "5 minutes"),
        ("calm_seconds", -1),
        ("refusals", 0),
        ("refusals", Decimal("2.5")),
        ("resets_a_day", True),
        ("repairs", "yes"),
        ("retention_days", 0),
        ("retention_days", 4000),
        ("unmetered_kwh", -1),
        ("webhook_url", "operations.example"),
        ("webhook_secret", ""),
        ("offline_after", 300),
    ],
)
def test_a_wrong_threshold_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(SettingsWrong) as refused:
        configured(**{key: value})
    assert [wrong.key for wrong in refused.value.wrong] == [f"health.{key}"]
