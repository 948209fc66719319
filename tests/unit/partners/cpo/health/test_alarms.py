"""What an event of a station says is wrong, or over; whatever it says, it can be read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.cpo.charging.charging_events import Alarm
from partners.cpo.stations.alarms import alarm_in

TEXTS = st.text(max_size=60)


def event(component: str, variable: str, value: str, trigger: str, **more: Any) -> dict[str, Any]:
    return {
        "component": {"name": component},
        "variable": {"name": variable},
        "actualValue": value,
        "trigger": trigger,
        **more,
    }


@pytest.mark.parametrize(
    ("told", "alarm"),
    [
        (event("EVSE", "Power", "9", "Alerting"), Alarm("EVSE.Power", "9")),
        (event("EVSE", "Power", "9", "Alerting", techCode="E7"), Alarm("EVSE.Power", "9; E7")),
        (event("EVSE", "Power", "9", "Alerting", cleared=False), Alarm("EVSE.Power", "9")),
        (event("EVSE", "Power", "9", "Alerting", cleared=True), Alarm("EVSE.Power", None)),
        (event("EVSE", "Power", "9", "Delta", cleared=True), Alarm("EVSE.Power", None)),
        (event("EVSE", "Power", "9", "Delta"), None),
        (event("EVSE", "Power", "9", "Periodic"), None),
        (event("EVSE", "Problem", "true", "Delta"), Alarm("EVSE.Problem", "true")),
        (event("EVSE", "Problem", "True", "Periodic"), Alarm("EVSE.Problem", "True")),
        (event("EVSE", "Fault", "false", "Alerting"), Alarm("EVSE.Fault", None)),
        (event("EVSE", "Fault", "melted", "Alerting"), Alarm("EVSE.Fault", "melted")),
        (event("EVSE", "Fault", "melted", "Delta"), None),
        (event("EVSE", "Problem", "true", "Delta", cleared=True), Alarm("EVSE.Problem", None)),
    ],
)
def test_what_an_event_says(told: dict[str, Any], alarm: Alarm | None) -> None:
    assert alarm_in(told) == alarm


@given(TEXTS, TEXTS, st.text(), st.sampled_from(["Alerting", "Delta", "New"]), TEXTS, st.text())
def test_whatever_a_station_says_can_be_read_on_one_line(
    component: str, variable: str, value: str, trigger: str, instance: str, info: str
) -> None:
    told = event(component, variable, value, trigger, techInfo=info)
    told["variable"]["instance"] = instance
    found = alarm_in(told)
    if found is not None:
        assert f"{found.about}: {found.told}".isprintable()
        assert len(f"{found.about}: {found.told}") < 500
    # What ends it is about the same.
    over = alarm_in(told | {"cleared": True})
    assert over is not None
    assert found is None or (over.about, over.told) == (found.about, None)
