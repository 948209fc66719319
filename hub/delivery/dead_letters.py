"""What receivers refused: kept for an operator, who can see it and have it sent again.

There is one dead letter an object and receiver, the last one: once the receiver takes the object, older
refusals mean nothing any more.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from hub.delivery.audience import Receiver
from hub.delivery.changes import Change
from hub.delivery.cursors import receiver_columns, receiver_in
from hub.delivery.sending import Attempt
from hub.ocpi.description import ObjectKey
from hub.ocpi.timestamps import Clock
from hub.store.database import Database, microseconds, moment
from hub.store.leases import Leases
from schemas.v2_2_1 import Role

Subject = tuple[Receiver, ObjectKey]

_RECEIVER = "platform_id, role, country_code, party_id"
_OBJECT = "module, object_country_code, object_party_id, object_id, variant"
_CONTENT = "method, tail, query, body, correlation_id, http_status, status_code, reason, refused_at"
_KEEP = text(
    f"INSERT INTO dead_letter ({_RECEIVER}, {_OBJECT}, {_CONTENT}) VALUES (:platform_id, :role,"  # noqa: S608 constants only
    " :country_code, :party_id, :module, :object_country_code, :object_party_id, :object_id, :variant,"
    " :method, :tail, :query, :body, :correlation_id, :http_status, :status_code, :reason, :refused_at)"
    f" ON CONFLICT ({_RECEIVER}, {_OBJECT}) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _CONTENT.split(", "))
)
_FORGET = text(
    "DELETE FROM dead_letter WHERE platform_id = :platform_id AND role = :role"
    " AND country_code = :country_code AND party_id = :party_id AND module = :module"
    " AND object_country_code = :object_country_code AND object_party_id = :object_party_id"
    " AND object_id = :object_id AND variant = :variant"
)
_LIST = text(
    f"SELECT id, {_RECEIVER}, {_OBJECT}, {_CONTENT} FROM dead_letter"  # noqa: S608 constants only
    " WHERE CAST(:platform_id AS INTEGER) IS NULL OR platform_id = :platform_id ORDER BY refused_at, id"
)
_ONE = text(f"SELECT id, {_RECEIVER}, {_OBJECT}, {_CONTENT} FROM dead_letter WHERE id = :id")  # noqa: S608 constants only
_SUBJECTS = text(f"SELECT {_RECEIVER}, {_OBJECT} FROM dead_letter")  # noqa: S608 constants only
_SUBJECTS_OF = text(f"SELECT {_RECEIVER}, {_OBJECT} FROM dead_letter WHERE platform_id = :platform_id")  # noqa: S608 constants only


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that was refused, or that failed too often."""

    id: int
    receiver: Receiver
    key: ObjectKey
    method: str
    tail: str
    query: str
    body: bytes
    correlation_id: str
    http_status: int | None
    status_code: int | None
    reason: str
    refused_at: datetime

    @property
    def change(self) -> Change:
        """The change that it was about, as far as it matters for sending the object again."""
        return Change(
            seq=0,
            key=self.key,
            method=self.method,
            tail=self.tail,
            query=self.query,
            body=b"",
            sender_role=Role.HUB,
            sender_platform_id=None,
            correlation_id=self.correlation_id,
            newest=0,
        )


class DeadLetters:
    """The dead letters, and in memory what they are about."""

    def __init__(self, database: Database, leases: Leases, clock: Clock) -> None:
        self._database = database
        self._leases = leases
        self._clock = clock
        self._keys: dict[Receiver, set[ObjectKey]] = {}

    async def open(self) -> None:
        """Read what was refused so far."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(_SUBJECTS)).all()
        for row in rows:
            self._keys.setdefault(_receiver(row), set()).add(_key(row))

    async def counts(self) -> Counter[Receiver]:
        """How many objects everybody refused, as it was written by whichever process."""
        async with self._database.reading() as connection:
            return Counter(_receiver(row) for row in await connection.execute(_SUBJECTS))

    async def take_up(self, platform_id: int) -> None:
        """Read what the receivers of a platform refused that another process has looked after."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(_SUBJECTS_OF, {"platform_id": platform_id})).all()
        for receiver in [each for each in self._keys if each.platform_id == platform_id]:
            del self._keys[receiver]
        for row in rows:
            self._keys.setdefault(_receiver(row), set()).add(_key(row))

    def of(self, receiver: Receiver) -> Collection[ObjectKey]:
        """The objects of which the receiver refused something."""
        return self._keys.get(receiver, ())

    async def keep(self, attempts: Sequence[Attempt]) -> None:
        """Write down what was refused; on disk when this returns.

        Raises:
            LeaseLost: another process looks after the platform by now.
        """
        if not attempts:
            return
        refused_at = microseconds(self._clock())
        rows = [_row(attempt, refused_at) for attempt in attempts]
        async with self._leases.writing(*_platforms(each.receiver for each in attempts)) as connection:
            await connection.execute(_KEEP, rows)
        for attempt in attempts:
            self._keys.setdefault(attempt.receiver, set()).add(attempt.change.key)

    async def forget(self, subjects: Iterable[Subject]) -> None:
        """The receiver has the object now.

        Raises:
            LeaseLost: another process looks after the platform by now.
        """
        known = {(receiver, key) for receiver, key in subjects if key in self._keys.get(receiver, ())}
        if not known:
            return
        rows = [_subject_columns(receiver, key) for receiver, key in known]
        async with self._leases.writing(*_platforms(receiver for receiver, _ in known)) as connection:
            await connection.execute(_FORGET, rows)
        for receiver, key in known:
            self._keys[receiver].discard(key)

    async def forget_all_but(self, receivers: Iterable[Receiver]) -> None:
        """Who is gone will not take anything any more."""
        gone = self._keys.keys() - set(receivers)
        rows = [_subject_columns(receiver, key) for receiver in gone for key in self._keys[receiver]]
        if rows:
            async with self._database.writing() as connection:
                await connection.execute(_FORGET, rows)
        for receiver in gone:
            del self._keys[receiver]

    async def listed(self, platform_id: int | None = None) -> tuple[DeadLetter, ...]:
        """The dead letters, of one platform or of all, the oldest first."""
        async with self._database.reading() as connection:
            rows = await connection.execute(_LIST, {"platform_id": platform_id})
            return tuple(_dead_letter(row) for row in rows)

    async def one(self, letter_id: int) -> DeadLetter | None:
        """The dead letter with this number."""
        async with self._database.reading() as connection:
            row = (await connection.execute(_ONE, {"id": letter_id})).one_or_none()
        return None if row is None else _dead_letter(row)


def _platforms(receivers: Iterable[Receiver]) -> set[int]:
    return {each.platform_id for each in receivers}


def _row(attempt: Attempt, refused_at: int) -> dict[str, Any]:
    letter = attempt.letter
    return _subject_columns(attempt.receiver, attempt.change.key) | {
        "method": letter.method,
        "tail": letter.tail,
        "query": letter.query,
        "body": letter.body.decode(),
        "correlation_id": attempt.change.correlation_id,
        "http_status": attempt.http_status,
        "status_code": attempt.status_code,
        "reason": attempt.reason,
        "refused_at": refused_at,
    }


def _subject_columns(receiver: Receiver, key: ObjectKey) -> dict[str, Any]:
    return receiver_columns(receiver) | {
        "module": key.module,
        "object_country_code": key.country_code,
        "object_party_id": key.party_id,
        "object_id": key.object_id,
        "variant": key.variant,
    }


def _dead_letter(row: Any) -> DeadLetter:
    return DeadLetter(
        id=row.id,
        receiver=_receiver(row),
        key=_key(row),
        method=row.method,
        tail=row.tail,
        query=row.query,
        body=row.body.encode(),
        correlation_id=row.correlation_id,
        http_status=row.http_status,
        status_code=row.status_code,
        reason=row.reason,
        refused_at=moment(row.refused_at),
    )


def _receiver(row: Any) -> Receiver:
    return receiver_in(row.platform_id, row.role, row.country_code, row.party_id)


def _key(row: Any) -> ObjectKey:
    return ObjectKey(row.module, row.object_country_code, row.object_party_id, row.object_id, row.variant)
