"""What is wrong with a script is told with its line, its step and what was expected there."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.charger.script import ScriptWrong, load, parse
from partners.charger.script_fields import Unexpected, duration
from partners.charger.settings import ChargerSettings
from partners.charger.states import EnergyUnit, TxStart

STEP = '[[step]]\ndo = "online"\n'


def test_a_script_says_what_the_charger_is_like() -> None:
    text = """
        about = "A fast one."
        [charger]
        ocpp = "2.1"
        connectors = 2
        power-kw = 150.5
        energy-unit = "kWh"
        tx-start = "EVConnected"
        [car]
        soc = 15
        [configuration]
        MeterValueSampleInterval = 30
        StopTransactionOnInvalidId = false
        [[step]]
        at = "1h30m"
        do = "plug-in"
        connector = 2
    """
    script = parse(text, "fast.toml", ChargerSettings(phases=1))
    settings, (step,) = script.settings, script.steps
    assert (script.about, settings.version, settings.connectors, settings.phases) == (
        "A fast one.",
        "2.1",
        2,
        1,
    )
    assert (settings.max_power_w, settings.energy_unit) == (Decimal(150_500), EnergyUnit.KWH)
    assert (settings.tx_start, settings.vehicle.soc) == (TxStart.EV_CONNECTED, Decimal("0.15"))
    assert script.configuration == {"MeterValueSampleInterval": "30", "StopTransactionOnInvalidId": "false"}
    assert (step.line, step.at, step.values["connector"]) == (14, timedelta(minutes=90), 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("about = 5\n" + STEP, "line 1: about; expected a sentence in quotes"),
        ("", "line 1: step; expected at least one table [[step]]"),
        ("step = 5\n", "line 1: step; expected at least one table [[step]]"),
        (
            "speed = 5\n" + STEP,
            "line 1: unknown key speed; expected about, car, charger, configuration, step",
        ),
        ("charger = 5\n" + STEP, "line 1: charger; expected a table [charger]"),
        (
            '[charger]\nphases = 1\nocpp = "1.5"\n' + STEP,
            'line 3, [charger]: ocpp = \'1.5\'; expected one of "1.6", "2.0.1", "2.1"',
        ),
        ("[car]\nsoc = 101\n" + STEP, "line 2, [car]: soc = 101; expected a whole number from 0 to 100"),
        ("[car]\nsoc = true\n" + STEP, "line 2, [car]: soc = True; expected a whole number from 0 to 100"),
        (
            "[configuration]\n\nHeartbeatInterval = 'soon'\n" + STEP,
            "line 3, [configuration]: HeartbeatInterval = soon; expected one of AllowOfflineTxForUnknownId, ",
        ),
        (
            "\n[[step]]\ncard = 'A'\n",
            "line 2, step 1: do is missing; expected one of break-down, configure, ",
        ),
        (
            STEP + "[[step]]\ndo = 'fly'\n",
            "line 4, step 2 (fly): do = 'fly'; expected one of break-down, configure, ",
        ),
        ("[[step]]\ndo = 'tap'\n", "line 1, step 1 (tap): card is missing; expected a text in quotes"),
        ("[[step]]\ndo = 'tap'\ncard = 7\n", "line 3, step 1 (tap): card = 7; expected a text in quotes"),
        (
            STEP + "[[step]]\ndo = 'tap'\n\ncard = 'A'\nafer = '5s'\n",
            "line 7, step 2 (tap): unknown key afer; expected one of after, at, card, connector, expect",
        ),
        (
            "[[step]]\ndo = 'wait'\nwithin = '5 minutes'\n",
            'line 3, step 1 (wait): within = \'5 minutes\'; expected a duration like "90s", "15m" or "1h30m"',
        ),
        (
            "[[step]]\ndo = 'wait'\nkwh = 0\n",
            "line 3, step 1 (wait): kwh = 0; expected a number greater than 0",
        ),
        (
            "[[step]]\ndo = 'wait'\ntold = 'yes'\n",
            "line 3, step 1 (wait): told = 'yes'; expected true or false",
        ),
        (
            "[[step]]\ndo = 'plug-in'\nconnector = 2\n",
            "line 3, step 1 (plug-in): connector = 2; expected a number up to 1, as [charger] has them",
        ),
        (
            "[[step]]\ndo = 'online'\nat = '5s'\nafter = '5s'\n",
            "line 1, step 1 (online): at and after; expected only one of them",
        ),
        (
            "step = [{do = 'online'}, {do = 'glitch', kind = 'odd'}]\n",
            "line 1, step 2 (glitch): kind = 'odd'; expected one of \"negative\", ",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_was_expected(text: str, told: str) -> None:
    with pytest.raises(ScriptWrong) as wrong:
        parse(text, "day.toml")
    assert str(wrong.value).startswith(f"day.toml, {told}")


def test_what_is_no_toml_is_told_with_its_line() -> None:
    with pytest.raises(ScriptWrong, match=r"^day\.toml: .*line 2, column 5"):
        parse("a = 1\nb = = 2\n", "day.toml")


def test_a_file_that_is_not_there_or_no_text_is_told() -> None:
    with pytest.raises(ScriptWrong, match=r"nowhere\.toml: cannot be read"):
        load(Path("nowhere.toml"))


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 999))
def test_durations_are_what_they_say(hours: int, minutes: int, seconds: int) -> None:
    assert duration(f"{hours}h{minutes}m{seconds}s") == timedelta(
        hours=hours, minutes=minutes, seconds=seconds
    )


@given(st.one_of(st.integers(), st.none(), st.text(alphabet="hms .-x", max_size=5)))
def test_what_is_no_duration_is_none(value: object) -> None:
    with pytest.raises(Unexpected):
        duration(value)


@given(st.text(max_size=200))
def test_whatever_is_no_script_is_told_as_a_mistake_in_one(text: str) -> None:
    with pytest.raises(ScriptWrong, match=r"^any\.toml"):
        parse(text, "any.toml")
