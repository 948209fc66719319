"""What the charge points told, kept as they told it: connectors, transactions, samples and states.

Everything else about a transaction (its Session, its cost, its CDR) is worked out from here, so that a
restart loses nothing and a late message finds its place. A charge point forgets a start or stop once it is
answered: both are on disk before.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from partners.cpo.charging.charging_events import (
    AuthorizationStatus,
    BootInfo,
    ConnectorStatus,
    StartedTransaction,
    StoppedTransaction,
)
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.charging.metering import StateChange
from partners.cpo.charging.registers import BEFORE
from partners.cpo.charging.signed_values import KeptSigned, Signed
from partners.cpo.configuration import Plug
from partners.database import Database
from partners.known import Known

TABLES = """
CREATE TABLE IF NOT EXISTS charge_point (id TEXT PRIMARY KEY, model TEXT NOT NULL, meter_id TEXT) WITHOUT
ROWID; CREATE TABLE IF NOT EXISTS connector (
    charge_point TEXT NOT NULL,
    number INTEGER NOT NULL,
    status TEXT NOT NULL,
    error_code TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (charge_point, number)
) WITHOUT ROWID;
-- Ids are never used again, not even those of deleted rows.
CREATE TABLE IF NOT EXISTS charging (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_point TEXT NOT NULL,
    connector INTEGER NOT NULL,
    id_tag TEXT NOT NULL,
    started TEXT NOT NULL,
    meter_start TEXT,
    status TEXT NOT NULL,
    stopped TEXT,
    meter_stop TEXT,
    reason TEXT,
    -- What its station calls it, where the station numbers its transactions itself (OCPP 2.x).
    transaction_id TEXT,
    -- Until when events that come before its end are waited for.
    ends_by TEXT,
    UNIQUE (charge_point, connector, id_tag, started, meter_start)
);
CREATE UNIQUE INDEX IF NOT EXISTS charging_transaction ON charging (charge_point, transaction_id)
    WHERE transaction_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS charging_ending ON charging (ends_by) WHERE ends_by IS NOT NULL;
CREATE INDEX IF NOT EXISTS charging_open ON charging (charge_point) WHERE stopped IS NULL;
CREATE TABLE IF NOT EXISTS meter_sample (
    charging INTEGER NOT NULL REFERENCES charging (id),
    at TEXT NOT NULL,
    context TEXT NOT NULL,
    energy_wh TEXT,
    power_w TEXT,
    current_a TEXT,
    soc TEXT,
    interval_wh TEXT,
    PRIMARY KEY (charging, at, context)
) WITHOUT ROWID;
-- As the charger told it, byte for byte.
CREATE TABLE IF NOT EXISTS signed_value (
    charging INTEGER NOT NULL REFERENCES charging (id),
    at TEXT NOT NULL,
    context TEXT NOT NULL,
    data TEXT NOT NULL,
    encoding TEXT NOT NULL,
    signing TEXT NOT NULL,
    public_key TEXT NOT NULL,
    energy_wh TEXT,
    PRIMARY KEY (charging, at, context, data)
) WITHOUT ROWID;
-- Where the meter of each connector stood when nobody was known to charge there, as far as it told.
CREATE TABLE IF NOT EXISTS idle_register (
    charge_point TEXT NOT NULL,
    connector INTEGER NOT NULL,
    at TEXT NOT NULL,
    energy_wh TEXT NOT NULL,
    PRIMARY KEY (charge_point, connector)
) WITHOUT ROWID;
-- With which each connector's meter signed first; another key later is a reason to look.
CREATE TABLE IF NOT EXISTS meter_key (
    charge_point TEXT NOT NULL,
    connector INTEGER NOT NULL,
    public_key TEXT NOT NULL,
    PRIMARY KEY (charge_point, connector)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state_change (
    charging INTEGER NOT NULL REFERENCES charging (id),
    at TEXT NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (charging, at, status)
) WITHOUT ROWID;
-- Stops of which nobody knows the start.
CREATE TABLE IF NOT EXISTS orphaned_stop (
    charge_point TEXT NOT NULL,
    transaction_id INTEGER NOT NULL,
    id_tag TEXT,
    at TEXT NOT NULL,
    meter_stop TEXT NOT NULL,
    PRIMARY KEY (charge_point, transaction_id, at)
) WITHOUT ROWID;
"""


_PUT_SAMPLE: Final = (
    "INSERT OR REPLACE INTO meter_sample"
    " (charging, at, context, energy_wh, power_w, current_a, soc, interval_wh)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)

#: For how long a register counts as that at the start of what begins later.
_NOT_LONG: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Charging:
    """One transaction of a charge point."""

    id: int
    plug: Plug
    id_tag: str
    started: datetime
    #: None where the station tells it by samples only (OCPP 2.x).
    meter_start: Decimal | None
    #: What its id tag was answered with.
    status: AuthorizationStatus
    stopped: datetime | None = None
    #: None after a stop that was never told: the end is the last thing known.
    meter_stop: Decimal | None = None
    reason: str | None = None
    #: What its station calls it, where that is not our id (OCPP 2.x).
    transaction_id: str | None = None
    #: Its end was told, and something before it is missing: until when that is waited for.
    ends_by: datetime | None = None

    @property
    def name(self) -> str:
        """What its station calls it."""
        return str(self.id) if self.transaction_id is None else self.transaction_id


@dataclass(frozen=True, slots=True)
class ConnectorState:
    """What a connector last reported."""

    plug: Plug
    status: ConnectorStatus
    error_code: str
    at: datetime


class ChargingLog:
    """The log, in the node's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(TABLES)
        # What is asked for with every message: the state of connectors, and what is under way.
        self._connectors: dict[Plug, ConnectorState | None] = {}
        self._open: dict[str, list[Charging]] = {}
        self._latest: dict[int, StateChange] = {}
        self._awaited = Known(database, self._read_awaited)
        #: The register that each connector told last, in a transaction or not.
        self._registers: dict[Plug, MeterSample] = {}
        #: Told of every transaction that begins or ends, where it is written down.
        self.onlookers: list[Callable[[Charging], None]] = []
        database.undone.append(self._forget)

    def _forget(self) -> None:
        self._connectors.clear()
        self._open.clear()
        self._latest.clear()

    def _changed(self, charging: Charging) -> Charging:
        """A transaction is another one now: what was remembered of its charge point is read again."""
        self._open.pop(charging.plug.charge_point, None)
        self._awaited.forget()
        if charging.stopped is not None:
            self._latest.pop(charging.id, None)
        return charging

    def _told(self, charging: Charging) -> Charging:
        self._changed(charging)
        for onlooker in self.onlookers:
            onlooker(charging)
        return charging

    # Charge points and connectors.

    def booted(self, charge_point: str, boot: BootInfo) -> None:
        """Keep what a charge point says of itself."""
        self._database.put(
            "INSERT OR REPLACE INTO charge_point (id, model, meter_id) VALUES (?, ?, ?)",
            (charge_point, f"{boot.vendor} {boot.model}", boot.meter_serial_number),
        )

    def model(self, charge_point: str) -> str | None:
        """Vendor and model, if the charge point has told."""
        row = self._database.row("SELECT model FROM charge_point WHERE id = ?", (charge_point,))
        return None if row is None else str(row["model"])

    def meter_id(self, charge_point: str) -> str | None:
        """The serial number of its meter, if the charge point has told."""
        row = self._database.row("SELECT meter_id FROM charge_point WHERE id = ?", (charge_point,))
        return None if row is None else row["meter_id"]

    def status_changed(self, state: ConnectorState, known: ConnectorState | None) -> bool:
        """Keep a connector's state; False if what is known is newer."""
        if known is not None and known.at > state.at:
            return False
        self._database.put(
            "INSERT OR REPLACE INTO connector (charge_point, number, status, error_code, at)"
            " VALUES (?, ?, ?, ?, ?)",
            (*state.plug, state.status.value, state.error_code, _text(state.at)),
        )
        self._connectors[state.plug] = state
        return True

    def connector(self, plug: Plug) -> ConnectorState | None:
        """What a connector last reported."""
        if plug in self._connectors:
            return self._connectors[plug]
        row = self._database.row("SELECT * FROM connector WHERE charge_point = ? AND number = ?", plug)
        state = None
        if row is not None:
            state = ConnectorState(
                plug, ConnectorStatus(row["status"]), row["error_code"], _moment(row["at"])
            )
        self._connectors[plug] = state
        return state

    # Transactions.

    def told_before(self, started: StartedTransaction) -> Charging | None:
        """The transaction of a start that was told already."""
        row = self._database.row(
            "SELECT * FROM charging WHERE charge_point = ? AND connector = ? AND id_tag = ? AND started = ?"
            " AND meter_start = ?",
            _key(started),
        )
        return None if row is None else _charging(row)

    def start(self, started: StartedTransaction, status: AuthorizationStatus) -> Charging:
        """Keep a start; its id is greater than 0 and never used again."""
        charging_id = self._database.insert(
            "INSERT INTO charging (charge_point, connector, id_tag, started, meter_start, status)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*_key(started), status.value),
        )
        return self._told(self.charging(charging_id))

    def named(self, charge_point: str, transaction_id: str) -> Charging | None:
        """The transaction that its station calls so (OCPP 2.x)."""
        for each in self._under_way(charge_point):
            if each.transaction_id == transaction_id:
                return each
        row = self._database.row(
            "SELECT * FROM charging WHERE charge_point = ? AND transaction_id = ?",
            (charge_point, transaction_id),
        )
        return None if row is None else _charging(row)

    def open_named(self, plug: Plug, transaction_id: str, at: datetime) -> Charging:
        """Keep a transaction of which something was told; nobody knows yet whose it is (OCPP 2.x)."""
        before = self.register_before(plug, at)
        charging_id = self._database.insert(
            "INSERT INTO charging (charge_point, connector, id_tag, started, status, transaction_id)"
            " VALUES (?, ?, '', ?, ?, ?)",
            (*plug, _text(at), AuthorizationStatus.UNKNOWN.value, transaction_id),
        )
        charging = self.charging(charging_id)
        if before is not None:
            self.measured(charging, [MeterSample(before.at, before.energy_wh, context=BEFORE)])
        return self._told(charging)

    def identified(self, charging: Charging, id_tag: str, status: AuthorizationStatus) -> Charging:
        """Keep whose a transaction is, and what that one was answered."""
        self._database.execute(
            "UPDATE charging SET id_tag = ?, status = ? WHERE id = ?", (id_tag, status.value, charging.id)
        )
        return self._changed(replace(charging, id_tag=id_tag, status=status))

    def begun(self, charging: Charging, at: datetime) -> Charging:
        """Keep when a transaction really began."""
        self._database.execute("UPDATE charging SET started = ? WHERE id = ?", (_text(at), charging.id))
        return self._changed(replace(charging, started=at))

    def awaits(self, charging: Charging, ends_by: datetime) -> Charging:
        """Keep until when the rest of a transaction is waited for, whose end was told."""
        self._database.execute("UPDATE charging SET ends_by = ? WHERE id = ?", (_text(ends_by), charging.id))
        return self._changed(replace(charging, ends_by=ends_by))

    def awaited(self) -> list[Charging]:
        """Transactions whose end was told, and of which something is missing; the most urgent first."""
        return list(self._awaited.get())

    def _read_awaited(self) -> list[Charging]:
        rows = self._database.rows("SELECT * FROM charging WHERE ends_by IS NOT NULL ORDER BY ends_by")
        return [_charging(row) for row in rows]

    def stop(self, charging: Charging, at: datetime, meter_stop: Decimal | None, reason: str) -> Charging:
        """Keep a stop."""
        self._database.execute(
            "UPDATE charging SET stopped = ?, meter_stop = ?, reason = ?, ends_by = NULL WHERE id = ?",
            (_text(at), None if meter_stop is None else _number(meter_stop), reason, charging.id),
        )
        if meter_stop is not None:
            self.idled(charging.plug, [MeterSample(at, meter_stop)])
        return self._told(self.charging(charging.id))

    def unplugged(self, charging: Charging, at: datetime) -> Charging:
        """Keep until when a car stayed at its cable: the end of a transaction whose stop is known."""
        self._database.execute("UPDATE charging SET stopped = ? WHERE id = ?", (_text(at), charging.id))
        return self.charging(charging.id)

    def charging(self, charging_id: int) -> Charging:
        """The transaction with this id.

        Raises:
            KeyError: There is none.
        """
        row = self._database.row("SELECT * FROM charging WHERE id = ?", (charging_id,))
        if row is None:
            raise KeyError(charging_id)
        return _charging(row)

    def find(self, charging_id: int, charge_point: str) -> Charging | None:
        """The transaction with this id, if it is one of this charge point."""
        for each in self._under_way(charge_point):
            if each.id == charging_id:
                return each
        row = self._database.row(
            "SELECT * FROM charging WHERE id = ? AND charge_point = ?", (charging_id, charge_point)
        )
        return None if row is None else _charging(row)

    def open_at(self, charge_point: str, connector: int | None = None) -> list[Charging]:
        """Transactions without an end at a charge point or at one of its connectors, oldest first."""
        found = self._under_way(charge_point)
        return [each for each in found if connector is None or connector == each.plug.number]

    def _under_way(self, charge_point: str) -> Sequence[Charging]:
        """All of them at a charge point, as they are remembered."""
        known = self._open.get(charge_point)
        if known is None:
            rows = self._database.rows(
                "SELECT * FROM charging WHERE stopped IS NULL AND charge_point = ? ORDER BY started, id",
                (charge_point,),
            )
            known = self._open[charge_point] = [_charging(row) for row in rows]
        return known

    def running(self) -> list[Charging]:
        """All transactions whose end nobody has told, oldest first."""
        rows = self._database.rows(
            # Found by its index, and sorted here: there are few, and all that was ever told beside them.
            "SELECT * FROM charging INDEXED BY charging_open WHERE stopped IS NULL AND ends_by IS NULL"
        )
        return sorted((_charging(row) for row in rows), key=lambda each: (each.started, each.id))

    def stopped_by(self, stopped: StoppedTransaction) -> Charging | None:
        """The transaction that a stop is about: by its id, else by id tag if only one can be meant."""
        named = self.find(stopped.transaction_id, stopped.charge_point)
        if named is not None:
            return named
        candidates = [
            each
            for each in self.open_at(stopped.charge_point)
            if each.started <= stopped.at and (stopped.id_tag or "").upper() in {"", each.id_tag.upper()}
        ]
        return candidates[0] if len(candidates) == 1 else None

    def keep_orphan(self, stopped: StoppedTransaction) -> None:
        """Keep a stop that belongs to nothing, for the operator."""
        self._database.execute(
            "INSERT OR IGNORE INTO orphaned_stop (charge_point, transaction_id, id_tag, at, meter_stop)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                stopped.charge_point,
                stopped.transaction_id,
                stopped.id_tag,
                _text(stopped.at),
                _number(stopped.meter_stop_wh),
            ),
        )

    def take_orphan(self, charging: Charging) -> StoppedTransaction | None:
        """The stop of which nobody knew the start, if it can only be that of this new transaction."""
        rows = self._database.rows(
            "SELECT * FROM orphaned_stop WHERE charge_point = ? AND at >= ? AND id_tag = ? COLLATE NOCASE"
            " AND transaction_id NOT IN (SELECT id FROM charging)",
            (charging.plug.charge_point, _text(charging.started), charging.id_tag),
        )
        if len(rows) != 1:
            return None
        found = _orphan(rows[0])
        self._database.execute(
            "DELETE FROM orphaned_stop WHERE charge_point = ? AND transaction_id = ? AND at = ?",
            (found.charge_point, found.transaction_id, rows[0]["at"]),
        )
        return found

    def late_stop(self, charging: Charging) -> StoppedTransaction | None:
        """The stop of a transaction that came after it had been closed without one."""
        row = self._database.row(
            "SELECT * FROM orphaned_stop WHERE charge_point = ? AND transaction_id = ? ORDER BY at DESC",
            (charging.plug.charge_point, charging.id),
        )
        return None if row is None else _orphan(row)

    # What happens during a transaction.

    def measured(self, charging: Charging, samples: Sequence[MeterSample]) -> None:
        """Keep measurements, and what was signed of them; one that is told again replaces itself."""
        self.noticed(charging.plug, samples)
        for sample in samples:
            for signed in sample.signed:
                self._signed(charging, sample, signed)
        for sample in samples:
            self._database.put(_PUT_SAMPLE, _sample_row(charging.id, sample))

    def noticed(self, plug: Plug, samples: Iterable[MeterSample]) -> None:
        """Remember where the meter of a connector stands, whoever it counts for."""
        known = self._registers.get(plug)
        for sample in samples:
            if sample.energy_wh is not None and (known is None or known.at <= sample.at):
                known = self._registers[plug] = sample

    def idled(self, plug: Plug, samples: Sequence[MeterSample]) -> None:
        """Keep where it stands while nobody charges there: what begins later may tell no register itself."""
        self.noticed(plug, samples)
        latest = self._registers.get(plug)
        if latest is not None and latest in samples:
            self._database.put(
                "INSERT OR REPLACE INTO idle_register (charge_point, connector, at, energy_wh)"
                " VALUES (?, ?, ?, ?)",
                (*plug, _text(latest.at), _written(latest.energy_wh)),
            )

    def _last_register(self, plug: Plug) -> MeterSample | None:
        """What was told before we began: while nobody charged there, or in the last transaction."""
        rows = self._database.rows(
            "SELECT at, energy_wh FROM idle_register WHERE charge_point = ? AND connector = ?", plug
        )
        rows += self._database.rows(
            "SELECT at, energy_wh FROM meter_sample WHERE energy_wh IS NOT NULL AND charging ="
            " (SELECT max(id) FROM charging WHERE charge_point = ? AND connector = ?)"
            " ORDER BY at DESC LIMIT 1",
            plug,
        )
        told = [MeterSample(_moment(row["at"]), _decimal(row["energy_wh"])) for row in rows]
        return max(told, key=lambda each: each.at, default=None)

    def register_before(self, plug: Plug, at: datetime) -> MeterSample | None:
        """Where the meter of a connector stood not long before an instant."""
        known = self._registers.get(plug) or self._last_register(plug)
        return known if known is not None and at - _NOT_LONG <= known.at <= at else None

    def _signed(self, charging: Charging, sample: MeterSample, signed: Signed) -> None:
        self._database.put(
            "INSERT OR IGNORE INTO signed_value"
            " (charging, at, context, data, encoding, signing, public_key, energy_wh)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                charging.id,
                _text(sample.at),
                sample.context,
                signed.data,
                signed.encoding,
                signed.signing,
                signed.public_key,
                _written(sample.energy_wh),
            ),
        )
        if signed.public_key:
            self._database.execute(
                "INSERT OR IGNORE INTO meter_key (charge_point, connector, public_key) VALUES (?, ?, ?)",
                (*charging.plug, signed.public_key),
            )

    def signed(self, charging: Charging) -> tuple[KeptSigned, ...]:
        """What was signed of a transaction, in order of time."""
        rows = self._database.rows(
            "SELECT * FROM signed_value WHERE charging = ? ORDER BY at, context", (charging.id,)
        )
        return tuple(
            KeptSigned(
                Signed(row["data"], row["encoding"], row["signing"], row["public_key"]),
                row["context"],
                _decimal(row["energy_wh"]),
            )
            for row in rows
        )

    def meter_key(self, plug: Plug) -> str | None:
        """With which key the meter of a connector signs, as far as it told."""
        row = self._database.row(
            "SELECT public_key FROM meter_key WHERE charge_point = ? AND connector = ?", plug
        )
        return None if row is None else str(row["public_key"])

    def changed_state(self, charging: Charging, change: StateChange) -> None:
        """Keep a state of the connector."""
        self._database.put(
            "INSERT OR IGNORE INTO state_change (charging, at, status) VALUES (?, ?, ?)",
            (charging.id, _text(change.at), change.status.value),
        )
        latest = self._latest.get(charging.id)
        if latest is not None and change.at >= latest.at:
            self._latest[charging.id] = change

    def state_at(self, charging: Charging, at: datetime) -> ConnectorStatus | None:
        """The state of the connector at an instant, as far as it was told by now."""
        latest = self._latest.get(charging.id)
        if latest is None:
            told = self.states(charging)
            if not told:
                return None
            latest = told[-1]
            if charging.stopped is None:
                self._latest[charging.id] = latest
        if latest.at <= at:
            return latest.status
        before = [each.status for each in self.states(charging) if each.at <= at]
        return before[-1] if before else None

    def samples(self, charging: Charging) -> tuple[MeterSample, ...]:
        """All measurements, in order of time."""
        rows = self._database.rows(
            "SELECT * FROM meter_sample WHERE charging = ? ORDER BY at", (charging.id,)
        )
        return tuple(
            MeterSample(
                at=_moment(row["at"]),
                energy_wh=_decimal(row["energy_wh"]),
                power_w=_decimal(row["power_w"]),
                current_a=_decimal(row["current_a"]),
                soc=_decimal(row["soc"]),
                context=row["context"],
                interval_wh=_decimal(row["interval_wh"]),
            )
            for row in rows
        )

    def states(self, charging: Charging) -> tuple[StateChange, ...]:
        """All states of the connector, in order of time."""
        rows = self._database.rows(
            "SELECT * FROM state_change WHERE charging = ? ORDER BY at", (charging.id,)
        )
        return tuple(StateChange(_moment(row["at"]), ConnectorStatus(row["status"])) for row in rows)


def _key(started: StartedTransaction) -> tuple[str, int, str, str, str]:
    return (
        started.charge_point,
        started.connector_id,
        started.id_tag,
        _text(started.at),
        _number(started.meter_start_wh),
    )


def _sample_row(charging_id: int, sample: MeterSample) -> tuple[Any, ...]:
    energy, power, current = sample.energy_wh, sample.power_w, sample.current_a
    soc, interval = sample.soc, sample.interval_wh
    return (  # one for each message: what was not told, which is most, costs no call
        charging_id,
        _text(sample.at),
        sample.context,
        None if energy is None else format(energy, "f"),
        None if power is None else format(power, "f"),
        None if current is None else format(current, "f"),
        None if soc is None else format(soc, "f"),
        None if interval is None else format(interval, "f"),
    )


def _orphan(row: Any) -> StoppedTransaction:
    return StoppedTransaction(
        charge_point=row["charge_point"],
        transaction_id=row["transaction_id"],
        meter_stop_wh=Decimal(row["meter_stop"]),
        at=_moment(row["at"]),
        reason="Other",
        id_tag=row["id_tag"],
    )


def _charging(row: Any) -> Charging:
    return Charging(
        id=row["id"],
        plug=Plug(row["charge_point"], row["connector"]),
        id_tag=row["id_tag"],
        started=_moment(row["started"]),
        meter_start=_decimal(row["meter_start"]),
        status=AuthorizationStatus(row["status"]),
        stopped=None if row["stopped"] is None else _moment(row["stopped"]),
        meter_stop=_decimal(row["meter_stop"]),
        reason=row["reason"],
        transaction_id=row["transaction_id"],
        ends_by=None if row["ends_by"] is None else _moment(row["ends_by"]),
    )


def _text(moment: datetime) -> str:
    """All of one width, so that texts sort as instants do."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _number(value: Decimal) -> str:
    """One spelling for each number, so that equal keys are equal texts."""
    return format(value.normalize(), "f")


def _written(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
