"""The configuration of a node: what is missing, unknown or wrong is named."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from hub.ocpi.party import Party
from hub.pricing.plausibility import Plausibility, Severity
from partners.configuration_file import SettingsWrong, Wrong
from partners.emsp.cli import EXAMPLE
from partners.emsp.settings import ADMIN_PORT, PORT, EmspSettings, emsp_settings
from partners.settings import node_settings
from schemas.v2_2_1 import AllowedType

NODE = '[node]\nparty = "NL/EMA"\nname = "x"\n'


def test_everything_can_be_set(tmp_path: Path) -> None:
    wrong: list[Wrong] = []
    told = {
        "node": {
            "party": "nl-ema",
            "name": "eMSP",
            "host": "0.0.0.0",  # noqa: S104 only read
            "port": 1,
            "admin_port": 2,
            "admin_key": "k",
            "public_url": "https://x",
            "database": "d.sqlite",
            "call_timeout_seconds": 5,
            "max_body_bytes": 10,
            "page_limit": 3,
        }
    }
    settings = node_settings(told, tmp_path, {}, wrong)
    assert settings is not None
    assert wrong == []
    assert settings.party == Party("NL", "EMA")
    assert settings.database == tmp_path / "d.sqlite"
    assert settings.call_timeout == timedelta(seconds=5)
    assert (settings.port, settings.admin_port, settings.page_limit) == (1, 2, 3)


def read(folder: Path, text: str) -> EmspSettings:
    file = folder / "emsp.toml"
    file.write_text(text)
    return emsp_settings(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "node.party: missing; expected a party such as NL/TNM"),
        ("node = 5", "node: expected a table [node]"),
        ("[node]\nname='x'", "node.party: missing; expected a party such as NL/TNM"),
        ("[node]\nparty='NLEMA'\nname='x'", "node.party: expected a party such as NL/TNM, got 'NLEMA'"),
        ("[node]\nparty='NL/EMA'", "node.name: missing; expected a text"),
        ("[node]\nparty='NL/EMA'\nname=''", "node.name: expected a text of at most 100 characters, got ''"),
        (NODE + "port = '80'", "node.port: expected a port, got '80'"),
        (NODE + "port = true", "node.port: expected a port, got True"),
        (NODE + "port = 99999", "node.port: expected a port, got 99999"),
        (NODE + "admin_port = -1", "node.admin_port: expected a port, got -1"),
        (NODE + "page_limit = 0", "node.page_limit: expected a whole number of at least 1, got 0"),
        (NODE + "public_url = 'hub'", "node.public_url: expected an http or https URL, got 'hub'"),
        (NODE + "public_url = 'http://hub:port'", "node.public_url: expected an http or https URL"),
        (NODE + "call_timeout_seconds = 0", "node.call_timeout_seconds: expected seconds, more than 0"),
        (NODE + "call_timeout_seconds = inf", "node.call_timeout_seconds: expected seconds"),
        (NODE + "call_timeout_seconds = nan", "node.call_timeout_seconds: expected seconds"),
        (NODE + "potr = 80", "node.potr: unknown; expected one of party, name"),
        (NODE + "[nodes]\n", "nodes: unknown; expected node, parties, hub"),
        ("hub = 3\n" + NODE, "hub: expected a table [hub]"),
        (NODE + "[hub]\ntoken='x'", "hub.versions_url: missing; expected an http or https URL"),
        (NODE + "[hub]\ntoken='x'\nversions_url=5", "hub.versions_url: expected an http or https URL, got 5"),
        ("tokens = 3\n" + NODE, "tokens: expected tables [[tokens]]"),
        (NODE + "[[tokens]]\ntype='RFID'", "tokens[0].uid: expected this field"),
        (NODE + "[[tokens]]\nuid='x'\ntype='CARD'", "tokens[0].type: expected one of"),
        (NODE + "[[tokens]]\nuid='x'\nwhitelst='NEVER'", "tokens[0].whitelst: unknown; OCPI has no such"),
        (NODE + "[[tokens]]\nuid='x'\nallowed='PERHAPS'", "tokens[0].allowed: expected one of"),
        (NODE + "[[tokens]]\nuid='x'\nplaces=3", "tokens[0].places: expected a list, got 3"),
        (NODE + "[[tokens]]\nuid='x'\nplaces=[{}]", "tokens[0].places[0].location_id: expected this"),
        ("emsp = 3\n" + NODE, "emsp: expected a table [emsp]"),
        (NODE + "[emsp]\npull_interval_hours='x'", "emsp.pull_interval_hours: expected hours"),
        (NODE + "[emsp]\npull_interval_hours=0", "emsp.pull_interval_hours: expected hours, more than 0"),
        (NODE + "[emsp]\npull=1", "emsp.pull: unknown; expected one of pull_interval_hours"),
        (NODE + "[emsp]\ntariff_history_hours=0", "emsp.tariff_history_hours: expected hours, more than 0"),
        ("cdr_rules = 3\n" + NODE, "cdr_rules: expected a table [cdr_rules]"),
        (NODE + "[cdr_rules.severity]\nvatt='off'", "cdr_rules.severity.vatt: expected one of schema"),
        (NODE + "[cdr_rules.measure]\ntotal='x'", "cdr_rules.measure.total: expected a number, got 'x'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsWrong) as wrong:
        read(tmp_path, text)
    assert any(str(each).startswith(said) for each in wrong.value.wrong), str(wrong.value)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong) as wrong:
        read(tmp_path, "[node]\nport=-1\n[hub]\n[[tokens]]\n")
    keys = [each.key for each in wrong.value.wrong]
    assert keys == ["node.port", "node.party", "node.name", "hub.versions_url", "hub.token", "tokens[0].uid"]


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match=r"emsp\.toml: Expected"):
        read(tmp_path, "not toml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match=r"nothing\.toml"):
        emsp_settings(tmp_path / "nothing.toml")


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "emsp.toml"
    file.write_text(EXAMPLE)
    settings = emsp_settings(file)
    assert (settings.node.port, settings.node.admin_port) == (PORT, ADMIN_PORT)
    assert [fields["uid"] for fields, _ in settings.tokens] == ["04A1B2C3D4E5F6", "app-0001"]
    assert settings.hub is None


def test_tokens_may_be_limited(tmp_path: Path) -> None:
    file = tmp_path / "emsp.toml"
    file.write_text(
        NODE
        + """
        [hub]
        versions_url = "http://x"
        token = "a"
        [emsp]
        pull_interval_hours = 1
        [[tokens]]
        uid = "1"
        allowed = "NO_CREDIT"
        places = [{location_id = "LOC1", evse_uids = ["E1"]}]
        """
    )
    settings = emsp_settings(file)
    assert settings.hub == ("http://x", "a")
    assert settings.pulling.interval == timedelta(hours=1)
    ((fields, standing),) = settings.tokens
    assert fields == {"uid": "1"}
    assert standing.allowed is AllowedType.NO_CREDIT
    assert standing.places[0].evse_uids == ("E1",)


def test_prices_are_kept_and_cdrs_checked_as_it_is_told(tmp_path: Path) -> None:
    standard = read(tmp_path, NODE).prices
    assert (standard.retention, standard.measures) == (timedelta(days=180), Plausibility())
    told = read(
        tmp_path,
        NODE
        + """
        [emsp]
        tariff_history_hours = 48
        [cdr_rules.severity]
        too-old = "note"
        [cdr_rules.measure]
        total = 0.05
        """,
    ).prices
    assert told.retention == timedelta(days=2)
    assert told.measures == Plausibility(total=Decimal("0.05"), severities={"too-old": Severity.NOTE})
