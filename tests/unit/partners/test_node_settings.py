"""The configuration of a node: what is missing, unknown or wrong is named."""

from datetime import timedelta
from pathlib import Path

import pytest

from hub.ocpi.party import Party
from partners.emsp.cli import EXAMPLE
from partners.emsp.settings import ADMIN_PORT, PORT, emsp_settings
from partners.settings import SettingsWrong, node_settings
from schemas.v2_2_1 import AllowedType

NODE = '[node]\nparty = "NL/EMA"\nname = "x"\n'


def test_everything_can_be_set(tmp_path: Path) -> None:
    settings = node_settings(
        {
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
        },
        tmp_path,
    )
    assert settings.party == Party("NL", "EMA")
    assert settings.database == tmp_path / "d.sqlite"
    assert settings.call_timeout == timedelta(seconds=5)
    assert (settings.port, settings.admin_port, settings.page_limit) == (1, 2, 3)


def read(folder: Path, text: str) -> object:
    file = folder / "emsp.toml"
    file.write_text(text)
    return emsp_settings(file)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[node]\nname='x'", "party"),
        ("[node]\nparty='NLEMA'\nname='x'", "NL/TNM"),
        ("[node]\nparty='NL/EMA'", "name"),
        (NODE + "port = '80'", "port"),
        (NODE + "port = true", "port"),
        (NODE + "potr = 80", "potr"),
        (NODE + "[nodes]\n", "nodes"),
        (NODE + "[hub]\ntoken='x'", "versions_url"),
        (NODE + "[[tokens]]\nuid='x'\nallowed='PERHAPS'", "PERHAPS"),
        (NODE + "[[tokens]]\nuid='x'\nplaces=[{}]", "location_id"),
        (NODE + "[emsp]\npull_interval_hours='x'", "pull_interval_hours"),
        (NODE + "[emsp]\npull=1", "pull"),
        ("not toml", "emsp.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsWrong, match=named):
        read(tmp_path, text)


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
    assert settings.pull_interval == timedelta(hours=1)
    ((fields, standing),) = settings.tokens
    assert fields == {"uid": "1"}
    assert standing.allowed is AllowedType.NO_CREDIT
    assert standing.places[0].evse_uids == ("E1",)
