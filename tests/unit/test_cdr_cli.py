"""`ocpi-hub cdr check` as somebody runs it who has a CDR in a file, and no hub."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hub.cli.program import app
from hub.ocpi.timestamps import utc_now
from schemas import exact_json
from tests.fixtures.recorder import to_json
from tests.fixtures.samples import cdr, location, period, session, tariff, token


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A CDR of yesterday with all that belongs to it, as files."""
    yesterday = (utc_now() - timedelta(days=1)).strftime("%Y-%m-%d").encode()
    over: dict[str, Any] = {"status": "COMPLETED", "kwh": 10, "end_date_time": "2026-01-01T11:30:00Z"}
    files = {
        "cdr": cdr(),
        "dear": cdr(total_cost={"excl_vat": 9}),
        "tariff": tariff(),
        "session": session(**over),
        "token": token(),
        "other": token(valid=False),
        "location": location(),
    }
    for name, value in files.items():
        (tmp_path / f"{name}.json").write_bytes(to_json(value).replace(b"2026-01-01", yesterday))
    return tmp_path


def check(folder: Path, name: str, *options: str) -> Result:
    files = [str(folder / each) if each.endswith(".json") else each for each in options]
    return CliRunner().invoke(app, ["cdr", "check", str(folder / f"{name}.json"), *files])


def test_an_honest_cdr_is_checked_against_all_that_is_given(folder: Path) -> None:
    given = ("--tariff", "tariff.json", "--session", "session.json", "--location", "location.json")
    done = check(folder, "cdr", *given, "--token", "token.json")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "No findings." in done.stdout
    assert "/total_cost/excl_vat" in done.stdout


def test_a_bad_one_ends_with_exit_code_1_and_says_why_as_data(folder: Path) -> None:
    done = check(folder, "dear", "--token", "other.json", "--json")
    assert done.exit_code == 1
    found = exact_json.decode(done.stdout)
    rules = [each["rule"] for each in found["findings"]]
    assert rules == ["price-total", "vat", "token-invalid"]
    assert found["severity"] == "hold"
    assert found["recomputed"]["total_cost"] == {"excl_vat": "3.5", "incl_vat": "4.2"}


@pytest.mark.parametrize(
    ("content", "severity", "status"),
    [
        (cdr(), None, 0),
        (cdr(total_cost={"excl_vat": Decimal("3.50")}), "note", 0),
        (cdr(total_energy=Decimal("10.02")), "hold", 1),
        (cdr(total_parking_time=Decimal(-1)), "refuse", 1),
        ({"id": "C1"}, "refuse", 1),
        ([], "refuse", 1),
    ],
)
def test_the_exit_code_is_1_on_hold_and_refuse_and_0_on_less(
    tmp_path: Path, content: Any, severity: str | None, status: int
) -> None:
    yesterday = (utc_now() - timedelta(days=1)).strftime("%Y-%m-%d").encode()
    file = tmp_path / "cdr.json"
    file.write_bytes(to_json(content).replace(b"2026-01-01", yesterday))
    done = CliRunner().invoke(app, ["cdr", "check", str(file), "--json"])
    found = exact_json.decode(done.stdout)
    assert (done.exit_code, found["severity"]) == (status, severity)
    assert set(found) == {"severity", "findings", "recomputed", "differences"}
    for each in found["findings"]:
        assert set(each) == {"rule", "severity", "pointer", "message", "values"}


@pytest.mark.parametrize(
    ("place", "given", "recomputed"),
    [
        ({}, False, "25"),
        ({"time_zone": "Europe/Brussels"}, False, "2.5"),
        ({"time_zone": "America/New_York"}, True, "2.5"),
    ],
)
def test_the_time_zone_is_that_of_the_location_given_else_of_the_cdr_else_utc(
    tmp_path: Path,
    place: dict[str, str],
    given: bool,  # noqa: FBT001 a table's column
    recomputed: str,
) -> None:
    """A tenth of the price from 10:30 local time on; the session begins at 10:00 UTC."""
    cheap, dear = ({"type": "ENERGY", "price": Decimal(price), "step_size": 1} for price in ("0.25", "2.5"))
    elements = [
        {"price_components": [cheap], "restrictions": {"start_time": "10:30"}},
        {"price_components": [dear]},
    ]
    alone = [period(ENERGY="10", TIME="0.25")]
    here = cdr()["cdr_location"] | place
    value = cdr(
        cdr_location=here,
        tariffs=[tariff(elements=elements)],
        charging_periods=alone,
        end_date_time="2026-01-01T10:15:00Z",
    )
    (tmp_path / "cdr.json").write_bytes(to_json(value))
    (tmp_path / "location.json").write_bytes(to_json(location()))
    more = ["--location", str(tmp_path / "location.json")] if given else []
    done = CliRunner().invoke(app, ["cdr", "check", str(tmp_path / "cdr.json"), *more, "--json"])
    assert exact_json.decode(done.stdout)["recomputed"]["total_cost"]["excl_vat"] == recomputed


def test_what_is_no_file_no_json_or_no_tariff_is_wrong_usage(folder: Path) -> None:
    assert (check(folder, "nowhere")).exit_code == 2
    (folder / "odd.json").write_text("{")
    assert "is not JSON" in (check(folder, "odd")).stderr
    wrong = check(folder, "cdr", "--tariff", "token.json")
    assert (wrong.exit_code, "is no Tariff" in wrong.stderr) == (2, True)


def test_rules_of_ones_own_are_tried_on_a_file(folder: Path) -> None:
    """What was held is clean where prices may be off by so much; the total alone is a note."""
    (folder / "rules.toml").write_text(
        '[severity]\nvat = "off"\nprice-total = "note"\n[measure]\nclocks = 1.5\n'
    )
    done = check(folder, "dear", "--cdr-rules", str(folder / "rules.toml"), "--json")
    assert done.exit_code == 0
    shown = exact_json.decode(done.stdout)
    assert [(each["rule"], each["severity"]) for each in shown["findings"]] == [("price-total", "note")]
    (folder / "rules.toml").write_text("[measure]\ntotal = 5.5\nmost_vat = 300\n")
    done = check(folder, "dear", "--cdr-rules", str(folder / "rules.toml"))
    assert (done.exit_code, "refuse" in done.stdout, "hold" in done.stdout) == (0, False, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[severity]\ntoo-odl = "hold"\n', "severity.too-odl: expected one of schema, sender,"),
        ("[measure]\ntotal = -1\n", "measure.total: expected a number that is not negative, got -1"),
        ("[measure\n", "is not TOML"),
        (None, "cannot read"),
    ],
)
@pytest.mark.parametrize("command", ["check", "serve"])
def test_rules_that_cannot_be_are_wrong_usage_and_named(
    folder: Path, command: str, text: str | None, said: str
) -> None:
    rules = folder / "rules.toml"
    if text is not None:
        rules.write_text(text)
    arguments = ["cdr", "check", str(folder / "cdr.json")] if command == "check" else ["serve"]
    done = CliRunner().invoke(
        app, [*arguments, "--cdr-rules", str(rules)], env={"OCPI_HUB_DATA": str(folder / "data")}
    )
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (folder / "data").exists()


def test_a_name_that_stands_twice_is_wrong_usage(folder: Path) -> None:
    twice = (
        (folder / "cdr.json").read_bytes().replace(b'"total_energy":', b'"total_energy":0,"total_energy":')
    )
    (folder / "twice.json").write_bytes(twice)
    done = check(folder, "twice")
    assert (done.exit_code, "/total_energy: stands there twice" in done.stderr) == (2, True)
