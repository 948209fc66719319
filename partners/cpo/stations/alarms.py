"""What an event of NotifyEvent says is wrong, or over. Pure.

| the event                                           | is                      |
|-----------------------------------------------------|-------------------------|
| `cleared` is true                                   | over                    |
| variable `Problem` or `Fault`, value true           | an alarm                |
| variable `Problem` or `Fault`, value false          | over                    |
| any other variable, `trigger` Alerting              | an alarm                |
| anything else                                       | nothing                 |

Source: OCPP 2.0.1, part 2, N07 and NotifyEvent; the standardised components and variables.
"""

from collections.abc import Mapping
from typing import Any, Final

from partners.cpo.charging.charging_events import Alarm

_WRONG_IF_TRUE: Final = frozenset({"problem", "fault"})
_TRUTHS: Final = {"true": True, "false": False}
#: Characters that are kept of what a station says, which may be thousands.
_MOST: Final = 120


def alarm_in(event: Mapping[str, Any]) -> Alarm | None:
    """The alarm that an event (EventDataType) begins or ends; None: it is about something else."""
    variable, told = event["variable"], event["actualValue"]
    about = f"{_named(event['component'])}.{_named(variable)}"
    is_flag = variable["name"].strip().casefold() in _WRONG_IF_TRUE
    is_wrong = _TRUTHS.get(told.strip().casefold()) if is_flag else None
    if event.get("cleared") is True or is_wrong is False:
        return Alarm(about, None)
    if not is_wrong and event.get("trigger") != "Alerting":
        return None
    words = [told, *(event[name] for name in ("techCode", "techInfo") if event.get(name))]
    return Alarm(about, _shown("; ".join(words)))


def _named(told: Mapping[str, Any]) -> str:
    instance = told.get("instance")
    return _shown(told["name"]) + (f"[{_shown(instance)}]" if instance else "")


def _shown(text: str) -> str:
    """As a person can read it on one line."""
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text.strip())
    return shown if len(shown) <= _MOST else f"{shown[:_MOST]}…"
