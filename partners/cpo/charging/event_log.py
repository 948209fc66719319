"""What stations told of the transactions that they number themselves (OCPP 2.x), event by event.

From all of it follows when a transaction began and whether something is still missing, in whatever order the
events came. The same event told again is the same row: by transaction, phase, sequence number and instant,
since many stations do not count (0 for ever, or the same number several times).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from partners.cpo.charging.charging_events import ConnectorStatus, Phase, TransactionEvent
from partners.database import Database

TABLES = """
CREATE TABLE IF NOT EXISTS transaction_event (
    charge_point TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    phase TEXT NOT NULL,
    at TEXT NOT NULL,
    id_tag TEXT,
    state TEXT,
    reason TEXT NOT NULL,
    is_offline INTEGER NOT NULL,
    PRIMARY KEY (charge_point, transaction_id, sequence, phase, at)
) WITHOUT ROWID;
"""


_PUT: Final = (
    "INSERT OR IGNORE INTO transaction_event"
    " (charge_point, transaction_id, sequence, phase, at, id_tag, state, reason, is_offline)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Told(NamedTuple):
    """One event."""

    sequence: int
    phase: Phase
    at: datetime
    id_tag: str | None
    state: ConnectorStatus | None
    reason: str
    is_offline: bool


class EventLog:
    """The events, in the node's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(TABLES)

    def put(self, event: TransactionEvent, id_tag: str | None) -> bool:
        """Keep an event; whether it is new.

        Args:
            event: As it was told.
            id_tag: Whose it is, by what the event says or by the remote start that it follows.
        """
        return bool(self._database.execute(_PUT, _row(event, id_tag)))

    def keep(self, event: TransactionEvent) -> None:
        """Keep an event that says nothing of id tags, where nobody needs to know whether it is new."""
        self._database.put(_PUT, _row(event, None))

    def of(self, charge_point: str, transaction_id: str) -> list[Told]:
        """All that was told of a transaction, in order of time."""
        rows = self._database.rows(
            "SELECT * FROM transaction_event WHERE charge_point = ? AND transaction_id = ?"
            " ORDER BY at, sequence, phase = 'Ended', phase = 'Updated'",
            (charge_point, transaction_id),
        )
        return [_told(row) for row in rows]


def beginning(events: Sequence[Told], id_tag: str) -> datetime:
    """When a transaction began for whoever pays: the first instant at which it was plugged in and allowed.

    Args:
        events: At least one, in order of time.
        id_tag: Who was allowed.
    """
    # Those that never say what the car does are taken to speak of nothing else.
    is_plugged = all(each.state is None for each in events)
    is_allowed = False
    for each in events:
        if each.state is not None:
            is_plugged = each.state is not ConnectorStatus.AVAILABLE
        is_allowed = is_allowed or (each.id_tag or "").upper() == id_tag.upper()
        if is_plugged and is_allowed:
            return each.at
    return events[0].at


def is_complete(events: Sequence[Told]) -> bool:
    """Whether nothing is missing between the first and the last that were told, as far as one can count."""
    numbers = {each.sequence for each in events}
    phases = {each.phase for each in events}
    return {Phase.STARTED, Phase.ENDED} <= phases and len(numbers) == max(numbers) - min(numbers) + 1


def _told(row: Any) -> Told:
    return Told(
        sequence=row["sequence"],
        phase=Phase(row["phase"]),
        at=datetime.fromisoformat(row["at"]),
        id_tag=row["id_tag"],
        state=None if row["state"] is None else ConnectorStatus(row["state"]),
        reason=row["reason"],
        is_offline=bool(row["is_offline"]),
    )


def _row(event: TransactionEvent, id_tag: str | None) -> tuple[Any, ...]:
    return (
        event.charge_point,
        event.transaction_id,
        event.sequence,
        event.phase.value,
        _text(event.at),
        id_tag,
        None if event.state is None else event.state.value,
        event.reason,
        event.is_offline,
    )


def _text(moment: datetime) -> str:
    """All of one width, so that texts sort as instants do."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="microseconds")
