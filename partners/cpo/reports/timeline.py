"""From the log of a charger to when a connector was down, and when nothing was known of it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import Final, NamedTuple

from partners.cpo.charging.charging_events import ConnectorStatus
from partners.cpo.health.charger_log import WHOLE, Event, Kind
from partners.cpo.reports.spans import Span, union

#: What of the log matters here.
KINDS: Final = (Kind.CONNECTED, Kind.DISCONNECTED, Kind.STATUS)

_DOWN: Final = frozenset({ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE})
_CHARGES: Final = frozenset(
    {ConnectorStatus.CHARGING, ConnectorStatus.SUSPENDED_EV, ConnectorStatus.SUSPENDED_EVSE}
)


class Condition(Enum):
    """How a connector is."""

    UP = auto()
    DOWN = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class State:
    """What was last told."""

    is_connected: bool = False
    own: ConnectorStatus | None = None
    #: Of connector 0.
    whole: ConnectorStatus | None = None

    def after(self, event: Event, connector: int) -> "State":
        """After one more line of the log."""
        if event.kind is not Kind.STATUS:
            return replace(self, is_connected=event.kind is Kind.CONNECTED)
        if event.plug.number not in {connector, WHOLE}:
            return self
        status = ConnectorStatus(event.detail["status"])
        return replace(self, own=status) if event.plug.number == connector else replace(self, whole=status)

    @property
    def condition(self) -> Condition:
        """As `evse_status` has it: the charger as a whole overrides a connector on which nobody charges."""
        if not self.is_connected or self.own is None:
            return Condition.UNKNOWN
        if self.own in _DOWN:
            return Condition.DOWN
        return Condition.DOWN if self.whole in _DOWN and self.own not in _CHARGES else Condition.UP


class Timeline(NamedTuple):
    """When a connector was not up."""

    down: list[Span]
    unknown: list[Span]


def timeline(connector: int, before: State, events: Iterable[Event], window: Span) -> Timeline:
    """The timeline of a connector.

    Args:
        connector: Its number.
        before: How it was when the window begins.
        events: The lines of the log about its charger in the window, oldest first.
        window: What is wanted.
    """
    spans: dict[Condition, list[Span]] = {condition: [] for condition in Condition}
    state, since = before, window.start

    def until(at: datetime) -> None:
        spans[state.condition].append(Span(since, at))

    for event in events:
        following = state.after(event, connector)
        if following.condition is not state.condition:
            until(event.at)
            since = event.at
        state = following
    until(window.end)
    return Timeline(union(spans[Condition.DOWN]), union(spans[Condition.UNKNOWN]))
