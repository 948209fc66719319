"""A configuration that is wrong says where, in the words of the file."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from partners.configuration_file import SettingsWrong
from partners.cpo.configuration import Configuration, Place, Plug, configuration
from partners.cpo.settings import read_settings
from schemas.v2_2_1 import Status
from tests.fixtures.cpo_world import connector, evse, location, tariff

WHOLE = """
[node]
party = "NL/CPO"
name = "CPO One"
database = "cpo.sqlite"

[cpo]
ocpp_port = 9123
tell_every_kwh = 0.25
offline_grace_seconds = 30

[[tariffs]]
id = "standard"
currency = "EUR"
start_date_time = 2026-01-01T00:00:00+01:00
elements = [{ price_components = [{ type = "ENERGY", price = 0.3517, vat = 21, step_size = 1 }] }]

[[locations]]
id = "square"
publish = true
address = "Station Square 1"
city = "Utrecht"
country = "NLD"
coordinates = { latitude = "52.08950", longitude = "5.11040" }
time_zone = "Europe/Amsterdam"

[[locations.evses]]
uid = "E1"
charge_point = "CP1"

[[locations.evses.connectors]]
id = "1"
standard = "IEC_62196_T2"
format = "SOCKET"
power_type = "AC_3_PHASE"
max_voltage = 230
max_amperage = 32
tariff_ids = ["standard"]
"""


def configured(*locations: dict[str, Any], tariffs: list[dict[str, Any]] | None = None) -> Configuration:
    return configuration({"tariffs": tariffs or [tariff()], "locations": list(locations) or [location()]})


def wrong(*locations: dict[str, Any], tariffs: list[dict[str, Any]] | None = None) -> list[str]:
    with pytest.raises(SettingsWrong) as refused:
        configured(*locations, tariffs=tariffs)
    return [str(each) for each in refused.value.wrong]


def test_a_file_gives_everything_with_its_digits(tmp_path: Path) -> None:
    file = tmp_path / "cpo.toml"
    file.write_text(WHOLE)
    settings = read_settings(file)
    assert str(settings.node.party) == "NL/CPO"
    assert settings.node.database == tmp_path / "cpo.sqlite"
    assert (settings.ocpp_port, settings.pace.energy) == (9123, Decimal("0.25"))
    (only,) = settings.configuration.tariffs
    assert only["elements"][0]["price_components"][0]["price"] == Decimal("0.3517")
    assert only["start_date_time"] == "2025-12-31T23:00:00Z"
    assert settings.configuration.places == {Plug("CP1", 1): Place("square", "E1", "1")}


def test_what_is_ours_is_not_published() -> None:
    (published,) = configured(
        location("square", evse("E1", "CP1", connectors=[connector(ocpp_connector=2)]))
    ).locations
    assert "charge_point" not in published["evses"][0]
    assert "ocpp_connector" not in published["evses"][0]["connectors"][0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"city": None}, "locations[0].city: expected this field: it is required"),
        ({"time_zone": "Utrecht"}, "locations[0].time_zone: expected an IANA time zone"),
        ({"time_zone": "Europe"}, "locations[0].time_zone: expected an IANA time zone"),
        (
            {"coordinates": {"latitude": "52,1", "longitude": "5.11040"}},
            "locations[0].coordinates.latitude: ",
        ),
        ({"pubish": True}, "locations[0].pubish: unknown; OCPI has no such field"),
        ({"evses": []}, "locations[0].evses: expected at least one table"),
        ({"evses": "E1"}, "locations[0].evses: expected at least one table"),
    ],
)
def test_a_location_that_is_wrong_names_the_key(change: dict[str, Any], said: str) -> None:
    value = {name: each for name, each in location(**change).items() if each is not None}
    assert any(each.startswith(said) for each in wrong(value)), wrong(value)


KRONER = tariff(id="kroner", currency="NOK", type="PROFILE_FAST")


@pytest.mark.holds("LOC-19", by="cpo")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"max_voltage": "230"}, "max_voltage: expected a JSON integer"),
        ({"tariff_ids": ["gone"]}, "tariff_ids[0]: there is no tariff 'gone'"),
        ({"tariff_ids": []}, "tariff_ids: expected at least one tariff"),
        ({"tariff_ids": ["standard", "other"]}, "tariff_ids: names two tariffs of type (any)"),
        ({"tariff_ids": ["standard", "kroner"]}, "tariff_ids: names tariffs in different currencies"),
        ({"tarif_ids": []}, "tarif_ids: unknown; OCPI has no such field"),
        ({"ocpp_connector": 0}, "ocpp_connector: expected a whole number of at least 1"),
        ({"standard": "SCHUKO"}, "standard: expected one of"),
    ],
)
def test_a_connector_that_is_wrong_names_the_key(change: dict[str, Any], said: str) -> None:
    """LOC-19: free charging names a tariff, too; of each type there is one at most."""
    value = location("square", evse("E1", "CP1", connectors=[connector(**change)]))
    found = wrong(value, tariffs=[tariff(), tariff(id="other"), KRONER])
    assert any(each.startswith("locations[0].evses[0].connectors[0]." + said) for each in found), found


def test_a_tariff_that_cannot_be_priced_is_found_before_anybody_charges() -> None:
    twice = {"type": "ENERGY", "price": Decimal("0.35"), "step_size": 1}
    (found,) = wrong(tariffs=[tariff(twice, twice)])
    assert found.startswith("tariffs[0].elements[0].price_components[1].type: ")


@pytest.mark.holds("LOC-11", by="cpo")
@pytest.mark.parametrize(
    ("evses", "said"),
    [
        ([evse("E1", "CP1"), evse("e1", "CP2")], "locations[0].evses[0].uid: 'E1' is told twice"),
        ([evse("E1", "CP1"), evse("E2", "CP1")], "connector 1 of charge point 'CP1' is told twice"),
        ([evse("E1", "CP1"), evse("E2", "cp1")], "charge points 'CP1' and 'cp1' differ only in case"),
        ([{"uid": "E1", "connectors": [connector()]}], "locations[0].evses[0].charge_point: expected"),
    ],
)
def test_evses_and_charge_points_are_told_apart(evses: list[dict[str, Any]], said: str) -> None:
    """LOC-11."""
    found = wrong(location("square", *evses))
    assert any(said in each for each in found), found


def test_a_charge_point_stands_at_one_location() -> None:
    second = location("park", evse("E2", "CP1", connectors=[connector(ocpp_connector=2)]))
    found = wrong(location("square", evse("E1", "CP1")), second)
    assert found == ["locations[1].evses[0].connectors[0]: charge point 'CP1' stands at 'square' already"]


def test_what_preparing_is_can_be_said(tmp_path: Path) -> None:
    file = tmp_path / "cpo.toml"
    file.write_text(WHOLE.replace("ocpp_port = 9123", 'preparing_as = "AVAILABLE"'))
    assert read_settings(file).preparing is Status.AVAILABLE
    file.write_text(
        WHOLE.replace("ocpp_port = 9123", 'preparing_as = "BLOCKED"\nblocked_after_seconds = 240')
    )
    assert read_settings(file).preparing is Status.BLOCKED
    assert read_settings(file).blocked_after == timedelta(minutes=4)
    file.write_text(WHOLE.replace("ocpp_port = 9123", 'preparing_as = "REMOVED"'))
    with pytest.raises(SettingsWrong) as refused:
        read_settings(file)
    assert [each.key for each in refused.value.wrong] == ["cpo.preparing_as"]


def test_everything_that_is_wrong_in_a_file_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "cpo.toml"
    file.write_text(
        WHOLE.replace('party = "NL/CPO"', 'party = "Netherlands"')
        .replace("ocpp_port = 9123", "ocpp_prt = 9123")
        .replace('city = "Utrecht"', "")
    )
    with pytest.raises(SettingsWrong) as refused:
        read_settings(file)
    keys = [each.key for each in refused.value.wrong]
    assert keys == ["node.party", "cpo.ocpp_prt", "locations[0].city"]


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "cpo.toml"
    file.write_text("[node")
    with pytest.raises(match=r"cpo\.toml: Expected"):
        read_settings(file)
