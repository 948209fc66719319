"""The report: what is counted where, exact, on the clock of each place."""

import csv
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

from partners.cpo.charging.charging_events import ConnectorStatus
from partners.cpo.configuration import Place, Plug
from partners.cpo.health.charger_log import Event, Kind
from partners.cpo.reports import csv_files
from partners.cpo.reports.page import page
from partners.cpo.reports.report import ALL, GONE, Facts, Outlet, report
from partners.cpo.reports.spans import Span
from partners.cpo.reports.timeline import State
from partners.cpo.reports.usage import Billed, Charged, billed, charged

NOW = datetime(2026, 6, 1, tzinfo=UTC)
UP = State(is_connected=True, own=ConnectorStatus.AVAILABLE)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ZONES = {"square": ZoneInfo("Europe/Amsterdam"), "quay": ZoneInfo("Europe/London")}
SQUARE, QUAY = Place("square", "E1", "1"), Place("quay", "E2", "1")
OUTLETS = (
    Outlet(Plug("CP1", 1), SQUARE, LONG_AGO, UP),
    Outlet(Plug("CP2", 1), QUAY, LONG_AGO, UP),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def session(place: Place, start: str, hours: float, kwh: str) -> Charged:
    begun = at(start)
    return Charged(place, Span(begun, begun + timedelta(hours=hours)), Decimal(kwh))


def bill(place: Place, start: str, excl: str, incl: str | None, currency: str = "EUR") -> Billed:
    return Billed(place, at(start), currency, Decimal(excl), None if incl is None else Decimal(incl))


def made(
    sessions: tuple[Charged, ...] = (),
    bills: tuple[Billed, ...] = (),
    outlets: tuple[Outlet, ...] = OUTLETS,
    since: date = date(2026, 3, 1),
    until: date = date(2026, 4, 1),
    now: datetime = NOW,
) -> dict[str, Any]:
    return report(Facts(since, until, now, outlets, ZONES, sessions, bills))


def row(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    (found,) = [each for each in rows if all(each[name] == value for name, value in wanted.items())]
    return found


def test_sessions_and_energy_are_counted_by_location_charger_and_local_hour() -> None:
    found = made(
        (
            session(SQUARE, "2026-03-10T06:30:00Z", 2, "10.001"),
            session(SQUARE, "2026-03-30T06:30:00Z", 2, "20.002"),
            session(QUAY, "2026-03-10T06:30:00Z", 1, "5"),
        )
    )
    square = row(found["locations"], location_id="square")
    assert (square["sessions"], square["kwh"]) == (2, Decimal("30.003"))
    assert row(found["locations"], location_id=ALL)["kwh"] == Decimal("35.003")
    assert row(found["chargers"], charge_point="CP2")["sessions"] == 1
    # 06:30 UTC is 07:30 in Amsterdam in winter and 08:30 in summer; 06:30 in London.
    by_hour = {each["hour"]: each["sessions"] for each in found["hours"] if each["sessions"]}
    assert by_hour == {6: 1, 7: 1, 8: 1}


def test_a_session_counts_in_the_month_in_which_it_began_on_the_clock_of_its_place() -> None:
    edge = "2026-02-28T23:30:00Z"
    found = made((session(SQUARE, edge, 1, "1"), session(QUAY, edge, 1, "1")))
    assert row(found["locations"], location_id="square")["sessions"] == 1
    assert row(found["locations"], location_id="quay")["sessions"] == 0


def test_revenue_stays_apart_by_currency_and_what_was_taken_back_is_taken_off() -> None:
    start = "2026-03-10T08:00:00Z"
    found = made(
        bills=(
            bill(SQUARE, start, "10.10", "12.221"),
            bill(SQUARE, start, "-10.10", "-12.221"),
            bill(SQUARE, start, "0.30", "0.363"),
            bill(QUAY, start, "7", None, "GBP"),
        )
    )
    assert row(found["locations"], location_id="square")["revenue"] == [
        {"currency": "EUR", "excl_vat": Decimal("0.30"), "incl_vat": Decimal("0.363")}
    ]
    assert row(found["locations"], location_id=ALL)["revenue"] == [
        {"currency": "EUR", "excl_vat": Decimal("0.30"), "incl_vat": Decimal("0.363")},
        {"currency": "GBP", "excl_vat": Decimal(7), "incl_vat": None},
    ]


def test_utilisation_is_the_share_of_the_time_also_in_a_month_with_743_hours() -> None:
    found = made((session(SQUARE, "2026-03-01T00:00:00Z", 74.3, "1"),))
    assert row(found["locations"], location_id="square")["utilisation_percent"] == Decimal("10.00")
    assert row(found["locations"], location_id=ALL)["utilisation_percent"] == Decimal("5.00")
    assert row(found["hours"], hour=2)["utilisation_percent"] is not None


def test_what_overlaps_occupies_a_connector_once_and_only_within_the_days() -> None:
    one = session(SQUARE, "2026-03-31T12:00:00Z", 48, "1")
    other = session(SQUARE, "2026-03-31T13:00:00Z", 1, "1")
    found = made((one, other), since=date(2026, 3, 31))
    # Ten of 24 hours: from 14:00 in Amsterdam until midnight.
    assert row(found["chargers"], charge_point="CP1")["utilisation_percent"] == Decimal("41.67")


def test_what_is_not_configured_any_more_still_counts() -> None:
    gone = Place("old", "E9", "1")
    found = made(
        (session(gone, "2026-03-10T08:00:00Z", 1, "3"),), (bill(gone, "2026-03-10T08:00:00Z", "1", "1"),)
    )
    assert row(found["locations"], location_id="old")["kwh"] == 3
    assert row(found["chargers"], charge_point=GONE)["sessions"] == 1
    assert row(found["locations"], location_id=ALL)["sessions"] == 1


def test_uptime_is_by_connector_and_month_of_the_place_with_all_of_them_at_the_end() -> None:
    faulted = Event(Plug("CP1", 1), at("2026-03-30T00:00:00Z"), Kind.STATUS, {"status": "Faulted"})
    well = Event(Plug("CP1", 1), at("2026-04-02T22:00:00Z"), Kind.STATUS, {"status": "Available"})
    outlets = (OUTLETS[0]._replace(events=(faulted, well)), OUTLETS[1])
    found = made(outlets=outlets, until=date(2026, 5, 1))["uptime"]
    march = row(found, charge_point="CP1", month="2026-03")
    # Midnight in Amsterdam is 22:00 UTC: 46 hours.
    assert march["down_minutes"] == 46 * 60
    assert march["measured_minutes"] == 743 * 60
    assert (march["uk_is_met"], march["nevi_is_met"]) == (False, False)
    assert row(found, charge_point="CP1", month="2026-04")["down_minutes"] == 48 * 60
    assert row(found, charge_point="CP2", month="2026-03")["uk_percent"] == 100
    assert row(found, location_id=ALL, month=ALL)["down_minutes"] == 94 * 60


def test_nothing_is_measured_in_the_future_nor_before_a_charger_was_heard_of() -> None:
    outlets = (OUTLETS[0]._replace(known_since=at("2026-03-10T23:00:00Z")), Outlet(Plug("CP3", 1), QUAY))
    found = made(outlets=outlets, now=at("2026-03-20T23:00:00Z"))["uptime"]
    assert row(found, charge_point="CP1")["measured_minutes"] == 10 * 24 * 60
    never = row(found, charge_point="CP3")
    assert (never["measured_minutes"], never["uk_percent"], never["uk_is_met"]) == (0, None, None)


def test_sessions_that_never_began_do_not_count_and_one_that_runs_lasts_until_now() -> None:
    value = {
        "status": "ACTIVE",
        "start_date_time": "2026-05-31T22:00:00Z",
        "location_id": "square",
        "evse_uid": "E1",
        "connector_id": "1",
        "kwh": Decimal("1.5"),
    }
    running = charged(value, NOW)
    assert running is not None
    assert running.span.duration == timedelta(hours=2)
    for status in ("PENDING", "RESERVATION", "INVALID"):
        assert charged(value | {"status": status}, NOW) is None


def test_a_credit_cdr_is_read_with_its_sign() -> None:
    cdr = {
        "cdr_location": {"id": "square", "evse_uid": "E1", "connector_id": "1"},
        "start_date_time": "2026-03-10T08:00:00Z",
        "currency": "EUR",
        "total_cost": {"excl_vat": Decimal("-4.2")},
    }
    assert billed(cdr) == Billed(SQUARE, at("2026-03-10T08:00:00Z"), "EUR", Decimal("-4.2"), None)


# What people get.


def full() -> dict[str, Any]:
    start = "2026-03-10T08:00:00Z"
    return made(
        (session(SQUARE, start, 2, "10"), session(QUAY, start, 1, "5")),
        (bill(SQUARE, start, "3.5", "4.235"), bill(SQUARE, start, "7", None, "GBP")),
    )


def test_csv_has_a_line_a_currency_and_counts_a_session_once(tmp_path: Path) -> None:
    files = csv_files.write(full(), tmp_path / "new")
    assert [file.name for file in files] == ["uptime.csv", "locations.csv", "chargers.csv", "hours.csv"]
    with files[1].open(newline="") as file:
        lines = [each for each in csv.DictReader(file) if each["location_id"] == "square"]
    assert [(each["sessions"], each["currency"], each["excl_vat"]) for each in lines] == [
        ("1", "EUR", "3.5"),
        ("", "GBP", "7"),
    ]


def test_a_text_in_csv_is_no_formula(tmp_path: Path) -> None:
    place = Place("=1+1", "E1", "1")
    files = csv_files.write(made((session(place, "2026-03-10T08:00:00Z", 1, "1"),)), tmp_path)
    assert "'=1+1" in files[1].read_text()


def test_the_page_is_whole_in_itself_and_holds_what_was_counted() -> None:
    html = page(full(), "March <2026>")
    root = ET.fromstring(re.sub(r"<(meta|!doctype)[^>]*>", "", html))  # noqa: S314 our own
    assert len(root.findall(".//svg")) == 8
    assert "March &lt;2026&gt;" in html
    assert '<td class="">square</td>' in html
    assert not re.search(r"(src|href|url\(|@import|<script)", html)
    bars = [each.findtext("title") for each in root.iter("rect")]
    assert "9: 10 kWh" in bars
    assert "square: 3.5 EUR" in bars


def test_the_page_of_a_cpo_without_anything_can_be_read() -> None:
    html = page(made(outlets=()))
    ET.fromstring(re.sub(r"<(meta|!doctype)[^>]*>", "", html))  # noqa: S314 our own
