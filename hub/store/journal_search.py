"""The journal, read: which legs there were, newest first, and all legs of one correlation id."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, TextClause, and_, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from hub.store.database import Database, microseconds, moment
from hub.store.dialects import Dialect
from hub.store.journal import Direction
from hub.store.leg import Leg
from hub.store.tables import JournalRow

_HTTP_ERROR = 400
_BODIES = frozenset({"request_body", "reply_body"})
#: What a `LIKE` pattern's own characters are quoted with.
_QUOTE = "\\"


class UnknownOutcome(ValueError):
    """The text does not say how a leg may have ended; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """Which legs are wanted; what is None does not matter."""

    #: A platform's name.
    platform: str | None = None
    module: str | None = None
    #: `NL/TNM`: sender or receiver.
    party: str | None = None
    correlation_id: str | None = None
    direction: Direction | None = None
    #: How it ended: `ok`, `failed`, `404`, `5xx` (HTTP), `2001`, `2xxx` (OCPI).
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    #: Stands in URL, note or bodies, in any case.
    text: str | None = None
    #: Only what was stored after this one, oldest first.
    after: int | None = None
    limit: int = 50


async def search(database: Database, wanted: JournalFilter) -> list[Leg]:
    """The legs that are wanted, without their bodies: newest first, or oldest first where `after` is given.

    Raises:
        UnknownOutcome: the filter's outcome means nothing.
    """
    table = JournalRow
    columns = [column for column in _columns() if column.name not in _BODIES]
    order = col(table.id).desc() if wanted.after is None else col(table.id).asc()
    statement = (
        select(*columns).where(*_conditions(wanted, database.dialect)).order_by(order).limit(wanted.limit)
    )
    async with database.reading() as connection:
        rows = (await connection.execute(statement)).mappings().all()
    return _legs(rows)


async def legs_of(database: Database, correlation_id: str) -> list[Leg]:
    """All legs of a correlation id with their bodies, wherever stored, in the order in which they began."""
    table = JournalRow
    statement = (
        select(*_columns())
        .where(database.dialect.of_exchange(correlation_id))
        .order_by(col(table.at), col(table.id))
    )
    async with database.reading() as connection:
        rows = (await connection.execute(statement)).mappings().all()
    return _with_their_bodies(_legs(rows))


async def newest_id(database: Database) -> int:
    """The id of the newest leg, 0 where there is none: from here on one may follow."""
    async with database.reading() as connection:
        return int((await connection.execute(select(func.max(col(JournalRow.id))))).scalar() or 0)


def _conditions(wanted: JournalFilter, dialect: Dialect) -> list[ColumnElement[bool] | TextClause]:
    given = ((condition, getattr(wanted, name)) for name, condition in _CONDITIONS.items())
    conditions: list[ColumnElement[bool] | TextClause]
    conditions = [condition(value) for condition, value in given if value is not None]
    story = wanted.correlation_id
    return conditions if story is None else [*conditions, dialect.of_exchange(story)]


def ended(outcome: str) -> ColumnElement[bool]:
    """The condition that a leg ended so.

    Raises:
        UnknownOutcome: the text means nothing.
    """
    http, ocpi = col(JournalRow.http_status), col(JournalRow.status_code)
    answered_well = and_(http < _HTTP_ERROR, or_(ocpi.is_(None), ocpi.between(1000, 1999)))
    match outcome.lower():
        case "ok":
            return and_(http.is_not(None), answered_well)
        case "failed":
            return or_(http.is_(None), http >= _HTTP_ERROR, ~or_(ocpi.is_(None), ocpi.between(1000, 1999)))
        case text:
            return _has_code(text)


def _has_code(text: str) -> ColumnElement[bool]:
    digits = text.rstrip("x")
    is_http = len(text) == len("404")
    column, places = (col(JournalRow.http_status), 3) if is_http else (col(JournalRow.status_code), 4)
    if len(text) != places or not digits.isascii() or not digits.isdigit():
        raise UnknownOutcome(
            "expected ok, failed, an HTTP status such as 404 or 5xx, "
            f"or an OCPI code such as 2001 or 2xxx, got {text!r}"
        )
    width = 10 ** (places - len(digits))
    lowest = int(digits) * width
    return column.between(lowest, lowest + width - 1)


def _mentions(text: str) -> ColumnElement[bool]:
    quoted = text
    for special in (_QUOTE, "%", "_"):
        quoted = quoted.replace(special, _QUOTE + special)

    def has_it(column: str | None) -> ColumnElement[bool]:
        return col(column).ilike(f"%{quoted}%", escape=_QUOTE)

    leg, other = JournalRow, aliased(JournalRow)
    # By the index of moments, on both databases: few legs have the same.
    elsewhere = exists().where(
        col(other.at) == col(leg.at),
        col(other.id) > col(leg.id),
        col(other.correlation_id) == col(leg.correlation_id),
        col(other.direction) == str(Direction.IN),
        or_(has_it(other.request_body), has_it(other.reply_body)),
    )
    searched = (leg.url, leg.note, leg.request_body, leg.reply_body)
    return or_(*map(has_it, searched), and_(col(leg.bodies_elsewhere), elsewhere))


def _concerns(party: str) -> ColumnElement[bool]:
    party = party.upper()
    return or_(col(JournalRow.to_party) == party, col(JournalRow.from_party) == party)


#: What each field of a filter asks of a leg.
_CONDITIONS: Mapping[str, Callable[[Any], ColumnElement[bool]]] = {
    "platform": lambda name: col(JournalRow.platform) == name,
    "module": lambda module: col(JournalRow.module) == module,
    "party": _concerns,
    "direction": lambda direction: col(JournalRow.direction) == direction,
    "outcome": ended,
    "since": lambda since: col(JournalRow.at) >= microseconds(since),
    "until": lambda until: col(JournalRow.at) < microseconds(until),
    "text": _mentions,
    "after": lambda after: col(JournalRow.id) > after,
}


def _columns() -> list[ColumnElement[Any]]:
    return list(JournalRow.__table__.columns)  # type: ignore[attr-defined]  # SQLModel gives every table class one


def _legs(rows: Sequence[RowMapping]) -> list[Leg]:
    return [Leg(**{**row, "at": moment(row["at"])}) for row in rows]


def _with_their_bodies(legs: Sequence[Leg]) -> list[Leg]:
    """The legs of a correlation id: a leg out may have its bodies with the first leg in behind it."""
    found: list[Leg] = []
    keeper: Leg | None = None
    for leg in reversed(legs):
        if leg.direction == Direction.IN:
            keeper = leg
        if leg.bodies_elsewhere and keeper is not None and keeper.at == leg.at:
            found.append(_with_bodies_of(keeper, leg))
        else:
            found.append(leg)
    return found[::-1]


def _with_bodies_of(keeper: Leg, leg: Leg) -> Leg:
    return leg._replace(request_body=keeper.request_body, reply_body=keeper.reply_body)
