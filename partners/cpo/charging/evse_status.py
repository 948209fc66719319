"""From what connectors report to what OCPI calls the status of an EVSE.

| OCPP 1.6                                       | OCPI        |                                            |
|------------------------------------------------|-------------|--------------------------------------------|
| Available                                      | AVAILABLE   |                                            |
| Preparing                                      | CHARGING    | somebody is there, if only with a cable;   |
|                                                |             | an operator may want AVAILABLE, or BLOCKED |
|                                                |             | after a while (`preparing.py`)             |
| Charging, SuspendedEV, SuspendedEVSE           | CHARGING    |                                            |
| Finishing                                      | CHARGING    | the cable is still in                      |
| Reserved                                       | RESERVED    |                                            |
| Unavailable                                    | INOPERATIVE | taken out of use, not broken               |
| Faulted                                        | OUTOFORDER  |                                            |
| nothing yet, or offline for longer than a grace | UNKNOWN    |                                            |

An EVSE is one place to park and charge, so one connector in use makes all of it used. Connector 0 speaks for
the whole charge point: out of use or broken, it overrides every EVSE on which nobody charges.

Source: 2.2.1, Locations, Status; LOC-21.
"""

from collections.abc import Iterable

from partners.cpo.charging.charging_events import ConnectorStatus
from schemas.v2_2_1 import Status

_MEANING = {
    ConnectorStatus.AVAILABLE: Status.AVAILABLE,
    ConnectorStatus.PREPARING: Status.CHARGING,
    ConnectorStatus.CHARGING: Status.CHARGING,
    ConnectorStatus.SUSPENDED_EV: Status.CHARGING,
    ConnectorStatus.SUSPENDED_EVSE: Status.CHARGING,
    ConnectorStatus.FINISHING: Status.CHARGING,
    ConnectorStatus.RESERVED: Status.RESERVED,
    ConnectorStatus.UNAVAILABLE: Status.INOPERATIVE,
    ConnectorStatus.FAULTED: Status.OUTOFORDER,
}

#: Of several connectors, the first of these that one of them has.
_FIRST_OF = (
    Status.CHARGING,
    Status.BLOCKED,
    Status.RESERVED,
    Status.AVAILABLE,
    Status.OUTOFORDER,
    Status.INOPERATIVE,
)

#: Of an EVSE and its charge point, the first of these that one of them has; else the EVSE's own.
_MOST_SEVERE = (Status.OUTOFORDER, Status.INOPERATIVE)


def evse_status(
    connectors: Iterable[ConnectorStatus],
    *,
    charge_point: ConnectorStatus | None = None,
    in_transaction: bool = False,
    is_reachable: bool = True,
    preparing: Status = Status.CHARGING,
) -> Status:
    """The status of an EVSE.

    Args:
        connectors: What its connectors last reported; those that reported nothing are left out.
        charge_point: What connector 0 last reported.
        in_transaction: A transaction is open on one of its connectors.
        is_reachable: The charge point is connected, or was not long ago.
        preparing: What Preparing is, while there is no transaction.
    """
    if not is_reachable:
        return Status.UNKNOWN
    if in_transaction:
        return Status.CHARGING
    meaning = {**_MEANING, ConnectorStatus.PREPARING: preparing}
    reported = {meaning[connector] for connector in connectors}
    own = next((status for status in _FIRST_OF if status in reported), Status.UNKNOWN)
    whole = own if charge_point is None else _MEANING[charge_point]
    return next((status for status in _MOST_SEVERE if status in {own, whole}), own)
