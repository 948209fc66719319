"""`ocpi-hub price`: a CDR priced from a file, without a hub."""

from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner, Result

from hub.cli.program import app
from schemas import exact_json
from tests.fixtures.admin_hub import run

PER_KWH: dict[str, Any] = {
    "country_code": "BE",
    "party_id": "BEC",
    "id": "T1",
    "currency": "EUR",
    "elements": [
        {
            "price_components": [
                {"type": "FLAT", "price": Decimal("0.50"), "vat": Decimal(21), "step_size": 1},
                {"type": "ENERGY", "price": Decimal("0.30"), "vat": Decimal(21), "step_size": 500},
            ],
            "restrictions": {"start_time": "17:00"},
        },
        {"price_components": [{"type": "ENERGY", "price": Decimal("0.20"), "step_size": 500}]},
        {"price_components": [{"type": "PARKING_TIME", "price": Decimal(1), "step_size": 60}]},
    ],
    "last_updated": "2026-01-01T00:00:00Z",
}
CDR: dict[str, Any] = {
    "country_code": "BE",
    "party_id": "BEC",
    "id": "C1",
    "start_date_time": "2026-03-02T15:40:00Z",
    "end_date_time": "2026-03-02T16:40:00Z",
    "cdr_location": {"id": "LOC1", "time_zone": "Europe/Brussels"},
    "currency": "EUR",
    "tariffs": [PER_KWH],
    "charging_periods": [
        {
            "start_date_time": "2026-03-02T15:40:00Z",
            "dimensions": [
                {"type": "ENERGY", "volume": Decimal("7.3")},
                {"type": "TIME", "volume": Decimal("0.6667")},
            ],
            "tariff_id": "T1",
        },
        {
            "start_date_time": "2026-03-02T16:20:00Z",
            "dimensions": [{"type": "PARKING_TIME", "volume": Decimal("0.3333")}],
            "tariff_id": "T1",
        },
    ],
    "total_cost": {"excl_vat": Decimal(99)},
    "last_updated": "2026-03-02T17:00:00Z",
}


class Desk(NamedTuple):
    """Files, and the command over them."""

    folder: Path

    def file(self, name: str, content: Any) -> str:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else exact_json.encode(content))
        return str(path)

    def price(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["price", *arguments])

    def json(self, *arguments: str) -> Any:
        result = self.price(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return exact_json.decode(result.stdout)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_totals_and_lines_come_exact_as_text_and_absent_ones_are_absent(desk: Desk) -> None:
    found = desk.json(desk.file("cdr.json", CDR))

    third = "0." + 34 * "3"
    assert {name: value for name, value in found.items() if name.startswith(("total", "currency"))} == {
        "currency": "EUR",
        "total_cost": {"excl_vat": "2.718" + 30 * "3", "incl_vat": "3.06588" + 28 * "3"},
        "total_fixed_cost": {"excl_vat": "0.5", "incl_vat": "0.605"},
        "total_energy_cost": {"excl_vat": "1.885", "incl_vat": "2.12755"},
        "total_parking_cost": {"excl_vat": third, "incl_vat": None},
        "total_energy": "7.3",
        "total_time": "1",
        "total_parking_time": third,
    }


def test_every_total_has_its_name_and_what_is_free_is_nothing(desk: Desk) -> None:
    """A reservation, a fee, energy, time and parking; without VAT there is none to tell."""
    reserved = {
        "price_components": [{"type": "TIME", "price": 6, "step_size": 1}],
        "restrictions": {"reservation": "RESERVATION"},
    }
    components = [
        {"type": kind, "price": price, "step_size": 1}
        for kind, price in (("FLAT", 1), ("ENERGY", 2), ("TIME", 3), ("PARKING_TIME", 4))
    ]
    periods = [
        ("15:10:00", [("RESERVATION_TIME", "0.5")]),
        ("15:40:00", [("ENERGY", "7.300"), ("TIME", "0.5")]),
        ("16:10:00", [("PARKING_TIME", "0.5")]),
    ]
    cdr = CDR | {
        "start_date_time": "2026-03-02T15:10:00Z",
        "tariffs": [PER_KWH | {"elements": [reserved, {"price_components": components}]}],
        "charging_periods": [
            {
                "start_date_time": f"2026-03-02T{start}Z",
                "tariff_id": "T1",
                "dimensions": [{"type": kind, "volume": Decimal(volume)} for kind, volume in dimensions],
            }
            for start, dimensions in periods
        ],
    }
    found = desk.json(desk.file("cdr.json", cdr))
    assert {name: value["excl_vat"] for name, value in found.items() if name.endswith("_cost")} == {
        "total_cost": "22.1",
        "total_fixed_cost": "1",
        "total_energy_cost": "14.6",
        "total_time_cost": "1.5",
        "total_parking_cost": "2",
        "total_reservation_cost": "3",
    }
    assert all(value["incl_vat"] is None for name, value in found.items() if name.endswith("_cost"))
    assert (found["total_energy"], found["total_parking_time"]) == ("7.3", "0.5")


def test_a_line_tells_what_applied_when_and_why_nothing_before_it(desk: Desk) -> None:
    found = desk.json(desk.file("cdr.json", CDR))

    _, early, late, parked = sorted(
        found["lines"], key=lambda line: (line["component"] != "FLAT", line["from"])
    )
    assert early == {
        "kind": "ENERGY",
        "component": "ENERGY",
        "tariff_id": "T1",
        "element": 1,
        "from": "2026-03-02T15:40:00Z",
        "until": "2026-03-02T16:00:00Z",
        "quantity": "3.65",
        "billed_quantity": "3.65",
        "step_size": 500,
        "unit_price": "0.2",
        "vat": None,
        "excl_vat": "0.73",
        "incl_vat": None,
        "passed_over": [
            {
                "element": 0,
                "restriction": "start_time",
                "reason": "it wants 17:00 to 00:00, and it was 16:40:00 there",
            }
        ],
    }
    assert (late["element"], late["quantity"], late["billed_quantity"]) == (0, "3.65", "3.85")
    assert (parked["component"], parked["excl_vat"]) == ("PARKING_TIME", "0." + 34 * "3")
    assert [(free["component"], free["quantity"]) for free in found["not_priced"]] == [
        ("TIME", "0." + 33 * "6" + "7")
    ]


def test_it_explains_itself_in_words_and_in_json(desk: Desk) -> None:
    file = desk.file("cdr.json", CDR)

    words = desk.price(file, "--explain")

    assert words.exit_code == 0
    for sentence in (
        "Energy, 2026-03-02T16:00:00Z to 2026-03-02T16:20:00Z: 3.85 kWh at 0.3 EUR is 1.155 EUR",
        "Element 0 does not apply (start_time): it wants 17:00 to 00:00, and it was 16:40:00 there.",
        "3.65 kWh were used; the total of the session is billed in steps of 500 Wh.",
        "Nothing is asked for TIME, 2026-03-02T15:40:00Z to 2026-03-02T16:20:00Z: 0.6667 h.",
        "Note: /charging_periods/0: the price of ENERGY changes within it",
    ):
        assert sentence in words.stdout
    assert desk.json(file, "--explain")["explanation"] == words.stdout.splitlines()


def test_people_see_a_table_and_totals(desk: Desk) -> None:
    shown = desk.price(desk.file("cdr.json", CDR)).stdout

    for text in (
        "PARKING",
        "0.3333",
        "total        2.7183 EUR, with VAT 3.0659 EUR",
        "energy used  7.3 kWh",
        "Note: ",
    ):
        assert text in shown


@pytest.mark.parametrize(
    ("arguments", "place", "early_kwh", "assumed"),
    [
        ([], {"time_zone": "Europe/Brussels"}, "3.65", False),
        (["--time-zone", "Europe/London"], {"time_zone": "Europe/Brussels"}, "7.3", False),
        ([], {}, "7.3", True),
        (["--time-zone", "Europe/Brussels"], {}, "3.65", False),
    ],
)
def test_the_time_zone_is_the_one_given_else_that_of_the_file_else_utc(
    desk: Desk,
    arguments: list[str],
    place: dict[str, str],
    early_kwh: str,
    assumed: bool,  # noqa: FBT001 - a table's column
) -> None:
    """AM-55."""
    found = desk.json(desk.file("cdr.json", CDR | {"cdr_location": place}), *arguments)

    (early,) = (line for line in found["lines"] if line["element"] == 1)
    assert early["quantity"] == early_kwh
    assert any("time zone" in note for note in found["notes"]) == assumed


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "+01:00"])
def test_a_time_zone_that_nobody_knows_is_said_to_be_the_one_that_was_given(desk: Desk, zone: str) -> None:
    refused = desk.price(desk.file("cdr.json", CDR), "--time-zone", zone)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"--time-zone: {zone!r} is no time zone" in refused.stderr


def test_the_location_may_be_called_location(desk: Desk) -> None:
    """As it was before OCPI 2.2."""
    older = {name: value for name, value in CDR.items() if name != "cdr_location"}
    found = desk.json(desk.file("cdr.json", older | {"location": CDR["cdr_location"]}))
    assert found == desk.json(desk.file("cdr.json", CDR))


def test_a_tariff_from_a_file_goes_before_the_one_in_the_cdr(desk: Desk) -> None:
    dearer = PER_KWH | {"elements": [{"price_components": [{"type": "ENERGY", "price": 1, "step_size": 1}]}]}
    tariff = desk.file("tariff.json", dearer)
    without = {name: value for name, value in CDR.items() if name != "tariffs"}

    for cdr in (CDR, without):
        found = desk.json(desk.file("cdr.json", cdr), "--tariff", tariff)
        assert found["total_cost"] == {"excl_vat": "7.3", "incl_vat": None}


def test_a_cdr_whose_periods_name_no_tariff_is_priced_by_the_only_one_and_says_so(desk: Desk) -> None:
    silent = [{k: v for k, v in period.items() if k != "tariff_id"} for period in CDR["charging_periods"]]

    found = desk.json(desk.file("cdr.json", CDR | {"charging_periods": silent}))

    assert found["total_cost"] == desk.json(desk.file("whole.json", CDR))["total_cost"]
    assert "/charging_periods: none names a tariff; T1, the only one, was taken for all" in found["notes"]


def test_the_order_of_keys_changes_nothing(desk: Desk) -> None:
    assert desk.json(desk.file("a.json", CDR)) == desk.json(desk.file("b.json", turned_around(CDR)))


def turned_around(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: turned_around(value[name]) for name in reversed(value)}
    return [turned_around(each) for each in value] if isinstance(value, list) else value


def changed(*path: str | int, to: Any) -> Any:
    """The CDR with another value at a place; with None, without it."""
    cdr = exact_json.decode(exact_json.encode(CDR))
    place = cdr
    for step in path[:-1]:
        place = place[step]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return cdr


ELEMENT = ("tariffs", 0, "elements", 0)
COMPONENT = (*ELEMENT, "price_components", 1)


class Bad(NamedTuple):
    what: str
    cdr: Any
    pointer: str


BAD = [
    Bad("a tariff without elements", changed("tariffs", 0, "elements", to=[]), "/tariffs/0/elements"),
    Bad(
        "an unknown component",
        changed(*COMPONENT, "type", to="NOISE"),
        "/tariffs/0/elements/0/price_components/1/type",
    ),
    Bad(
        "an unknown restriction",
        changed(*ELEMENT, "restrictions", "max_soc", to=80),
        "/tariffs/0/elements/0/restrictions/max_soc",
    ),
    Bad(
        "a step_size of 0",
        changed(*COMPONENT, "step_size", to=0),
        "/tariffs/0/elements/0/price_components/1/step_size",
    ),
    Bad(
        "a negative step_size",
        changed(*COMPONENT, "step_size", to=-60),
        "/tariffs/0/elements/0/price_components/1/step_size",
    ),
    Bad(
        "a time zone nobody knows",
        changed("cdr_location", "time_zone", to="Europe/Atlantis"),
        "/cdr_location/time_zone",
    ),
    Bad(
        "a period under an unknown tariff",
        changed("charging_periods", 1, "tariff_id", to="T9"),
        "/charging_periods/1/tariff_id",
    ),
    Bad("no tariff at all", changed("tariffs", to=[]), "/charging_periods/0/tariff_id"),
    Bad("another currency", changed("currency", to="SEK"), "/currency"),
    Bad(
        "negative energy",
        changed("charging_periods", 0, "dimensions", 0, "volume", to=-1),
        "/charging_periods/0/dimensions/0/volume",
    ),
    Bad(
        "more time than there was",
        changed("charging_periods", 0, "dimensions", 1, "volume", to=5),
        "/charging_periods/0/dimensions",
    ),
    Bad("no charging period", changed("charging_periods", to=[]), "/charging_periods"),
    Bad("no end", changed("end_date_time", to=None), "/end_date_time"),
    Bad("an end before the start", changed("end_date_time", to="2026-03-02T10:00:00Z"), "/end_date_time"),
    Bad(
        "an unknown dimension",
        changed("charging_periods", 0, "dimensions", 0, "type", to="NOISE"),
        "/charging_periods/0/dimensions/0/type",
    ),
    Bad(
        "a price that is text",
        changed(*COMPONENT, "price", to="0.30"),
        "/tariffs/0/elements/0/price_components/1/price",
    ),
    Bad("two tariffs, and no period says which", None, "/charging_periods/0/tariff_id"),
    Bad("a tariff twice", changed("tariffs", to=[PER_KWH, PER_KWH | {"id": "t1"}]), "/tariffs/1/id"),
    Bad("no CDR at all", [1, 2], "(the whole body)"),
]
_SILENT = [{k: v for k, v in period.items() if k != "tariff_id"} for period in CDR["charging_periods"]]
_UNDECIDED = CDR | {"charging_periods": _SILENT, "tariffs": [PER_KWH, PER_KWH | {"id": "T2"}]}


@pytest.mark.parametrize("bad", BAD, ids=[bad.what for bad in BAD])
def test_what_is_not_understood_is_refused_with_its_place(desk: Desk, bad: Bad) -> None:
    cdr = _UNDECIDED if bad.cdr is None else bad.cdr

    refused = desk.price(desk.file("cdr.json", cdr), "--json")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"cdr.json: {bad.pointer}: " in refused.stderr


def test_what_is_wrong_in_a_tariff_file_is_said_of_that_file(desk: Desk) -> None:
    cdr = desk.file("cdr.json", CDR)
    senseless = exact_json.decode(exact_json.encode(PER_KWH))
    senseless["elements"][0]["restrictions"] = {"start_time": "17:00", "end_time": "17:00"}

    refused = desk.price(cdr, "--tariff", desk.file("tariff.json", senseless))
    unread = desk.price(cdr, "--tariff", desk.file("tariff.json", PER_KWH | {"currency": 7}))

    assert (refused.exit_code, unread.exit_code) == (1, 1)
    assert "tariff.json: /elements/0/restrictions/end_time: " in refused.stderr
    assert "tariff.json: /currency: " in unread.stderr


def test_a_file_that_is_not_there_is_wrong_usage_and_one_that_is_no_json_is_refused(desk: Desk) -> None:
    missing = desk.price(str(desk.folder / "nowhere.json"))
    garbled = desk.price(desk.file("cdr.json", b'{"end_date_time": '))
    nan = desk.price(desk.file("cdr.json", exact_json.encode(CDR).replace(b"7.3", b"NaN")))

    assert (missing.exit_code, garbled.exit_code, nan.exit_code) == (2, 1, 1)
    assert "cannot read" in missing.stderr
    assert "is not JSON" in garbled.stderr
    assert "is not JSON" in nan.stderr


async def test_the_program_itself_needs_no_hub(tmp_path: Path) -> None:
    desk = Desk(tmp_path)

    done = await run("price", desk.file("cdr.json", CDR), "--json", OCPI_HUB_DATA=str(tmp_path / "no"))

    assert (done.code, done.err) == (0, "")
    assert done.json["total_energy"] == "7.3"


def test_a_name_that_stands_twice_is_refused_since_nothing_says_which_is_meant(desk: Desk) -> None:
    text = exact_json.encode(CDR).replace(b'"price":0.50', b'"price":0.50,"price":0')
    refused = desk.price(desk.file("cdr.json", text))

    assert refused.exit_code == 1
    assert "/tariffs/0/elements/0/price_components/0/price: stands there twice" in refused.stderr


def test_what_the_tariff_says_beyond_the_specification_is_told(desk: Desk) -> None:
    taxed = PER_KWH | {"tax_included": "YES"}
    found = desk.json(desk.file("cdr.json", CDR | {"tariffs": [taxed]}))

    assert found["notes"][0].startswith("/tariffs/0/tax_included: OCPI 2.2.1 has no such field")
    assert found["total_cost"] == desk.json(desk.file("plain.json", CDR))["total_cost"]
