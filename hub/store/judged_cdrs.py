"""CDRs that were judged: the verdict, what became of each, and what later ones are compared with."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from sqlalchemy import String, bindparam, text

from hub.ocpi.party import Party
from hub.store.announcements import Topic
from hub.store.cdr_state import CdrState
from hub.store.database import Database
from hub.store.dialects import Alone

#: CDRs that are compared with another one at most.
MOST_OTHERS = 50


#: The eMSP has it, or may get it.
COUNTING = (CdrState.PASSED, CdrState.HELD, CdrState.RELEASING, CdrState.RELEASED)
WAITING = (CdrState.HELD, CdrState.RELEASING)


@dataclass(frozen=True, slots=True)
class JudgedCdr:
    """A row of `judged_cdr`; texts that are keys are folded."""

    country_code: str
    party_id: str
    emsp_country_code: str
    emsp_party_id: str
    cdr_id: str
    digest: str
    #: Microseconds since 1970, as `starts_at` and `ends_at`.
    at: int
    correlation_id: str
    state: CdrState
    #: Empty: no finding.
    severity: str
    #: JSON.
    verdict: str
    body: str | None = None
    reason: str = ""
    evse: str | None = None
    token: str | None = None
    starts_at: int | None = None
    ends_at: int | None = None
    latitude: str | None = None
    longitude: str | None = None
    credit_of: str | None = None
    #: None until it is written.
    seq: int | None = None

    @property
    def owner(self) -> Party:
        """Whom it came from."""
        return Party(self.country_code, self.party_id)

    @property
    def emsp(self) -> Party:
        """Whom it is for."""
        return Party(self.emsp_country_code, self.emsp_party_id)


class Other(NamedTuple):
    """An earlier CDR, as far as it is compared."""

    cdr_id: str
    starts_at: int
    ends_at: int
    latitude: str | None
    longitude: str | None


class Unjudged(NamedTuple):
    """A CDR that is kept, and of which there is no verdict."""

    seq: int
    owner: Party
    emsp: Party
    body: str
    #: When it was kept, in microseconds since 1970.
    kept_at: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which verdicts are wanted; None: whichever."""

    severities: tuple[str, ...] | None = None
    states: tuple[CdrState, ...] | None = None
    owner: Party | None = None
    cdr_id: str | None = None
    #: Only of CDRs that one of the first sent, or one of the second was sent.
    between: tuple[frozenset[Party], frozenset[Party]] | None = None


_COLUMNS = tuple(each.name for each in fields(JudgedCdr) if each.name != "seq")
_ALL = f"{', '.join(_COLUMNS)}, seq"
_WRITE = text(
    f"INSERT INTO judged_cdr ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{each}' for each in _COLUMNS)})"  # noqa: S608 constants only
    " ON CONFLICT (country_code, party_id, cdr_id, digest) DO UPDATE SET "
    + ", ".join(f"{each} = excluded.{each}" for each in _COLUMNS)
)
_OF = "country_code = :country_code AND party_id = :party_id"
_COUNTS = f"state IN ({', '.join(repr(str(each)) for each in COUNTING)})"
_FIND = text(f"SELECT {_ALL} FROM judged_cdr WHERE {_OF} AND cdr_id = :cdr_id AND digest = :digest")  # noqa: S608 constants only
_SAME_ID = text(
    f"SELECT {_ALL} FROM judged_cdr WHERE {_OF} AND cdr_id = :cdr_id AND digest != :digest AND {_COUNTS}"  # noqa: S608 constants only
    " ORDER BY seq LIMIT 1"
)
_OTHER = "cdr_id, starts_at, ends_at, latitude, longitude"
#: A charge that another CDR took back was none, and so was the taking back itself.
_STANDS = (
    f"cdr_id != :cdr_id AND {_COUNTS} AND credit_of IS NULL AND NOT EXISTS (SELECT 1 FROM judged_cdr credit"  # noqa: S608 constants only
    " WHERE credit.country_code = judged_cdr.country_code AND credit.party_id = judged_cdr.party_id"
    f" AND credit.credit_of = judged_cdr.cdr_id AND credit.{_COUNTS})"
)
_AT_EVSE = text(
    f"SELECT {_OTHER} FROM judged_cdr WHERE {_OF} AND evse = :evse"  # noqa: S608 constants only
    f" AND ends_at > :since AND starts_at < :until AND {_STANDS} ORDER BY ends_at DESC LIMIT {MOST_OTHERS}"
)
_OF_TOKEN = text(
    f"SELECT {_OTHER} FROM judged_cdr WHERE token = :token"  # noqa: S608 constants only
    f" AND ends_at > :since AND starts_at < :until AND {_STANDS} ORDER BY ends_at DESC LIMIT {MOST_OTHERS}"
)
_CREDITS = text(
    f"SELECT cdr_id FROM judged_cdr WHERE {_OF} AND credit_of = :original AND cdr_id != :cdr_id"  # noqa: S608 constants only
    f" AND {_COUNTS} ORDER BY seq"
)
_UNJUDGED = text(
    "SELECT seq, country_code, party_id, addressee_country_code, addressee_party_id, body, kept_at"
    " FROM object WHERE module = 'cdrs' AND is_deleted = false AND addressee_party_id IS NOT NULL"
    " AND seq > :after AND NOT EXISTS (SELECT 1 FROM judged_cdr WHERE judged_cdr.cdr_id = object.object_id"
    " AND judged_cdr.country_code = object.country_code AND judged_cdr.party_id = object.party_id"
    " AND judged_cdr.state IN ('passed', 'released')) ORDER BY seq LIMIT :limit"
)
_MOVE = text(
    "UPDATE judged_cdr SET state = :state, reason = :reason,"
    " body = CASE WHEN :keeps_body THEN body ELSE NULL END WHERE seq = :seq"
)
_FORGET = text("DELETE FROM judged_cdr WHERE at < :before AND state NOT IN ('held', 'releasing')")


class JudgedCdrs:
    """The table of judged CDRs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def one_at_a_time(self) -> AsyncIterator[None]:
        """Judge while no other process does: each CDR is compared with those before it."""
        if not self._database.dialect.is_shared:
            yield
            return
        async with self._database.writing(Alone.VERDICTS):
            yield

    async def write(self, row: JudgedCdr) -> None:
        """Keep a verdict; one on the same CDR with the same content takes the place of the one before."""
        async with self._database.writing() as connection:
            await connection.execute(_WRITE, {name: getattr(row, name) for name in _COLUMNS})

    async def find(self, owner: Party, cdr_id: str, digest: str) -> JudgedCdr | None:
        """What became of a CDR with just this content."""
        found = await self._rows(_FIND, _by(owner) | {"cdr_id": cdr_id, "digest": digest})
        return found[0] if found else None

    async def same_id(self, owner: Party, cdr_id: str, digest: str) -> JudgedCdr | None:
        """The first CDR with this id and other content that counts."""
        found = await self._rows(_SAME_ID, _by(owner) | {"cdr_id": cdr_id, "digest": digest})
        return found[0] if found else None

    async def at_evse(
        self, owner: Party, evse: str, *, but: str, since: int, until: int
    ) -> tuple[Other, ...]:
        """Other charges at an EVSE, some of whose time lies in between (microseconds since 1970)."""
        values = _by(owner) | {"evse": evse, "cdr_id": but, "since": since, "until": until}
        async with self._database.reading() as connection:
            return tuple(Other(*row) for row in await connection.execute(_AT_EVSE, values))

    async def of_token(self, token: str, *, but: str, since: int, until: int) -> tuple[Other, ...]:
        """Other charges with a token, some of whose time lies in between (microseconds since 1970)."""
        values = {"token": token, "cdr_id": but, "since": since, "until": until}
        async with self._database.reading() as connection:
            return tuple(Other(*row) for row in await connection.execute(_OF_TOKEN, values))

    async def credits_of(self, owner: Party, original: str, *, but: str) -> tuple[str, ...]:
        """The ids of the other CDRs that take back this one."""
        values = _by(owner) | {"original": original, "cdr_id": but}
        async with self._database.reading() as connection:
            return tuple(row.cdr_id for row in await connection.execute(_CREDITS, values))

    async def unjudged(self, after: int, limit: int) -> tuple[Unjudged, ...]:
        """CDRs that are kept without a verdict, in the order in which they came.

        Args:
            after: The last one that was seen.
            limit: How many at most.
        """
        async with self._database.reading() as connection:
            rows = await connection.execute(_UNJUDGED, {"after": after, "limit": limit})
            return tuple(
                Unjudged(row[0], Party(*row[1:3]), Party(*row[3:5]), row.body, row.kept_at) for row in rows
            )

    async def some(self, wanted: Wanted, offset: int = 0, limit: int = 100) -> tuple[JudgedCdr, ...]:
        """Verdicts, the newest first."""
        conditions, values = _conditions(wanted)
        lists: list[Any] = [
            bindparam(name, expanding=True, type_=String())
            for name in values
            if isinstance(values[name], list)
        ]
        query = text(
            f"SELECT {_ALL} FROM judged_cdr WHERE {' AND '.join(conditions) or '1 = 1'}"  # noqa: S608 constants only
            " ORDER BY seq DESC LIMIT :limit OFFSET :offset"
        ).bindparams(*lists)
        return await self._rows(query, values | {"limit": limit, "offset": offset})

    async def move(self, seq: int, state: CdrState, reason: str = "") -> None:
        """Remember what became of a CDR; its text is kept as long as it waits."""
        values = {"seq": seq, "state": str(state), "reason": reason, "keeps_body": state in WAITING}
        async with self._database.writing() as connection:
            await connection.execute(_MOVE, values)
            if state is CdrState.RELEASING:
                await self._database.announcements.announce(connection, Topic.CHORES)

    async def forget(self, before: int) -> None:
        """Delete verdicts from before this instant (microseconds since 1970), but of CDRs that still wait."""
        async with self._database.writing() as connection:
            await connection.execute(_FORGET, {"before": before})

    async def _rows(self, query: Any, values: dict[str, Any]) -> tuple[JudgedCdr, ...]:
        async with self._database.reading() as connection:
            rows = await connection.execute(query, values)
            return tuple(_row(row._mapping) for row in rows)  # noqa: SLF001 SQLAlchemy's public name for it


def _row(values: Any) -> JudgedCdr:
    return JudgedCdr(**{**values, "state": CdrState(values["state"])})


def _by(owner: Party) -> dict[str, Any]:
    country_code, party_id = owner.folded
    return {"country_code": country_code, "party_id": party_id}


def _conditions(wanted: Wanted) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {}
    if wanted.severities is not None:
        conditions.append("severity IN :severities")
        values["severities"] = list(wanted.severities)
    if wanted.states is not None:
        conditions.append("state IN :states")
        values["states"] = [str(each) for each in wanted.states]
    if wanted.owner is not None:
        conditions.append(_OF)
        values |= _by(wanted.owner)
    if wanted.cdr_id is not None:
        conditions.append("cdr_id = :cdr_id")
        values["cdr_id"] = wanted.cdr_id.upper()
    if wanted.between is not None:
        conditions.append(
            "((country_code || '/' || party_id) IN :cpos"
            " OR (emsp_country_code || '/' || emsp_party_id) IN :emsps)"
        )
        values["cpos"], values["emsps"] = map(_names, wanted.between)
    return conditions, values


def _names(parties: Iterable[Party]) -> list[str]:
    return sorted(map(str, parties))
