"""Which EVSE and connector of a station (OCPP 2.x) is which connector number here.

Everything behind the central system counts the connectors of a charge point from 1, as OCPP 1.6 does.

| told by the station            | here                                                        |
|--------------------------------|-------------------------------------------------------------|
| EVSE 0                         | 0, the whole charge point                                   |
| EVSE, connector                | the number of that connector                                |
| EVSE, no connector, or 0       | the first connector of the EVSE                             |
| what nobody configured         | a number that nobody configured, and that is theirs alone   |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

WHOLE_CHARGE_POINT: Final = 0
#: No charge point has so many connectors, so that numbers made up of two do not meet configured ones.
_FAR_BEYOND: Final = 10_000
#: A database keeps no number that is much greater; nobody has so many EVSEs.
_MOST: Final = 2**53


class Outlet(NamedTuple):
    """A connector as OCPP 2.x counts: within its EVSE."""

    evse_id: int
    connector_id: int


@dataclass(frozen=True, slots=True)
class Wiring:
    """The connectors of one station."""

    outlets: Mapping[int, Outlet]
    _numbers: Mapping[Outlet, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_numbers", {outlet: number for number, outlet in self.outlets.items()})

    def number(self, evse_id: int, connector_id: int | None = None) -> int:
        """Our number of what the station names."""
        if evse_id == WHOLE_CHARGE_POINT:
            return WHOLE_CHARGE_POINT
        if not connector_id:
            within = self.numbers(evse_id)
            return within[0] if within else _made_up(evse_id, 0)
        number = self._numbers.get(Outlet(evse_id, connector_id))
        return _made_up(evse_id, connector_id) if number is None else number

    def numbers(self, evse_id: int) -> list[int]:
        """Our numbers of all connectors of an EVSE."""
        return [number for number, outlet in self.outlets.items() if outlet.evse_id == evse_id]

    def outlet(self, number: int) -> Outlet:
        """How the station names a connector; one that nobody configured is taken for an EVSE's only one."""
        return self.outlets.get(number, Outlet(number, 1 if number else 0))


def _made_up(evse_id: int, connector_id: int) -> int:
    return max(-_MOST, min(_FAR_BEYOND * evse_id + connector_id, _MOST))
