"""Sessions and CDRs in their newest state, and what each eMSP has taken of them.

Not a queue of messages: of a Session only the newest state is owed (TR-31), a CDR until it is taken. Whoever
asks sees what concerns it and nothing else (CDR-17, RT-54).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hub.ocpi.paging import PageRequest
from hub.ocpi.party import Party
from partners.database import Database
from schemas import exact_json
from schemas.v2_2_1 import CDR, Session

TABLES = """
CREATE TABLE IF NOT EXISTS session (
    -- The order of creation, which is the order of every list (PG-11).
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL UNIQUE COLLATE NOCASE,
    country_code TEXT NOT NULL,
    party_id TEXT NOT NULL,
    text TEXT NOT NULL,
    -- Microseconds since 1970, as all instants here.
    last_updated INTEGER NOT NULL,
    is_owed INTEGER NOT NULL,
    -- What the eMSP took last; NULL if nothing, or if nobody knows what became of the last PATCH.
    taken TEXT,
    taken_at INTEGER,
    refusal TEXT,
    -- Why it is not billed though it is over.
    held TEXT
);
CREATE INDEX IF NOT EXISTS session_owed ON session (country_code, party_id) WHERE is_owed;
CREATE TABLE IF NOT EXISTS cdr (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cdr_id TEXT NOT NULL UNIQUE COLLATE NOCASE,
    session_id TEXT NOT NULL REFERENCES session (session_id),
    -- The CDR that this one takes back (CDR-06): each at most once.
    credits TEXT UNIQUE COLLATE NOCASE,
    country_code TEXT NOT NULL,
    party_id TEXT NOT NULL,
    text TEXT NOT NULL,
    last_updated INTEGER NOT NULL,
    taken_at INTEGER,
    -- Where the eMSP keeps it (CDR-02).
    url TEXT,
    refusals INTEGER NOT NULL DEFAULT 0,
    refusal TEXT,
    again_at INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS cdr_owed ON cdr (country_code, party_id) WHERE taken_at IS NULL;
"""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LISTS: Final = frozenset({"session", "cdr"})


@dataclass(frozen=True, slots=True)
class OwedSession:
    """A Session that its eMSP should hear of."""

    session_id: str
    #: As it is now: JSON text.
    text: str
    #: As the eMSP took it last; None if nothing, or if that is not known.
    taken: dict[str, Any] | None

    @property
    def current(self) -> dict[str, Any]:
        """The Session as it is now."""
        return _value(self.text)


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A Session and how far it was told."""

    current: dict[str, Any]
    taken: dict[str, Any] | None
    taken_at: datetime | None
    is_owed: bool
    #: What the eMSP found wrong with the newest state that it was told.
    refusal: str | None
    #: Why it is not billed though it is over: for the operator to judge.
    held: str | None = None

    @property
    def heard(self) -> dict[str, Any] | None:
        """What the eMSP knows or did not want to know: the next word can wait its turn."""
        return self.taken if self.refusal is None else self.current


@dataclass(frozen=True, slots=True)
class StoredCdr:
    """A CDR and whether it was taken."""

    current: dict[str, Any]
    taken_at: datetime | None
    #: Where the eMSP keeps it, if it said so (CDR-02).
    url: str | None
    #: What the eMSP found wrong with it, and how often.
    refusal: str | None
    refusals: int


class Outbox:
    """The tables of both."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(TABLES)

    # Sessions.

    def put_session(self, session: Session, *, is_owed: bool) -> None:
        """Keep the newest state of a Session; once it is owed it stays so until it is taken."""
        self._database.execute(
            "INSERT INTO session (session_id, country_code, party_id, text, last_updated, is_owed)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (session_id) DO UPDATE SET text = excluded.text,"
            " last_updated = excluded.last_updated, is_owed = is_owed OR excluded.is_owed",
            (
                session.id,
                *_emsp(session).folded,
                session.to_json().decode(),
                _microseconds(session.last_updated),
                is_owed,
            ),
        )

    def hold(self, session_id: str, reason: str) -> None:
        """A Session is over and not billed: for the operator to judge."""
        self._database.execute("UPDATE session SET held = ? WHERE session_id = ?", (reason, session_id))

    def session(self, session_id: str) -> StoredSession | None:
        """A Session, by its id in any case."""
        row = self._database.row("SELECT * FROM session WHERE session_id = ?", (session_id,))
        return None if row is None else _session(row)

    async def quiet(self) -> None:
        """Return when to read would not wait for the disk."""
        await self._database.quiet()

    def owed_sessions(self, emsp: Party) -> Iterator[OwedSession]:
        """The Sessions that an eMSP should hear of, oldest first, each as it is when it is its turn."""
        query = (
            "SELECT * FROM session WHERE is_owed AND country_code = ? AND party_id = ? AND id > ?"
            " ORDER BY id LIMIT 1"
        )
        last = 0
        while (row := self._database.row(query, (*emsp.folded, last))) is not None:
            last = row["id"]
            yield OwedSession(row["session_id"], row["text"], _known(row["taken"]))

    def doubt(self, session_id: str) -> None:
        """From now on nobody knows what the eMSP has of a Session: a PATCH is on its way, and appends."""
        self._database.execute("UPDATE session SET taken = NULL WHERE session_id = ?", (session_id,))

    def session_taken(
        self, owed: OwedSession, at: datetime, refusal: str | None = None, *, is_owed: bool = False
    ) -> None:
        """The eMSP took a Session, or refused it.

        Args:
            owed: As it was told.
            at: When it was taken.
            refusal: What the eMSP finds wrong with it.
            is_owed: It has become news again meanwhile.
        """
        self._database.execute(
            "UPDATE session SET taken = ?, taken_at = ?, refusal = ?, is_owed = ? WHERE session_id = ?",
            (None if refusal else owed.text, _microseconds(at), refusal, is_owed, owed.session_id),
        )

    # CDRs.

    def put_cdr(self, cdr: CDR) -> None:
        """Keep a CDR; it is owed from now on. It is final (CDR-01): nothing here changes one."""
        self._database.execute(
            "INSERT INTO cdr (cdr_id, session_id, credits, country_code, party_id, text, last_updated)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                cdr.id,
                cdr.session_id,
                cdr.credit_reference_id,
                *_emsp(cdr).folded,
                cdr.to_json().decode(),
                _microseconds(cdr.last_updated),
            ),
        )

    def cdr_of(self, session_id: str) -> StoredCdr | None:
        """The CDR of a session (CDR-22); the newest, if others were taken back."""
        row = self._database.row(
            "SELECT * FROM cdr WHERE session_id = ? COLLATE NOCASE AND credits IS NULL ORDER BY id DESC",
            (session_id,),
        )
        return None if row is None else _cdr(row)

    def credit_of(self, cdr_id: str) -> StoredCdr | None:
        """The Credit CDR that takes a CDR back."""
        row = self._database.row("SELECT * FROM cdr WHERE credits = ?", (cdr_id,))
        return None if row is None else _cdr(row)

    def cdr(self, cdr_id: str) -> StoredCdr | None:
        """A CDR, by its id in any case."""
        row = self._database.row("SELECT * FROM cdr WHERE cdr_id = ?", (cdr_id,))
        return None if row is None else _cdr(row)

    def owed_cdrs(self, emsp: Party, now: datetime) -> list[dict[str, Any]]:
        """The CDRs that an eMSP should have, oldest first: never before the last word on their Session."""
        rows = self._database.rows(
            "SELECT cdr.text FROM cdr JOIN session USING (session_id) WHERE cdr.taken_at IS NULL"
            " AND NOT session.is_owed AND cdr.country_code = ? AND cdr.party_id = ? AND cdr.again_at <= ?"
            " ORDER BY cdr.id",
            (*emsp.folded, _microseconds(now)),
        )
        return [_value(row["text"]) for row in rows]

    def cdr_taken(self, cdr_id: str, at: datetime, url: str | None) -> None:
        """The eMSP has a CDR."""
        self._database.execute(
            "UPDATE cdr SET taken_at = ?, url = ?, refusal = NULL WHERE cdr_id = ?",
            (_microseconds(at), url, cdr_id),
        )

    def cdr_refused(self, cdr_id: str, refusal: str, again_at: datetime) -> None:
        """The eMSP does not want a CDR; it gets it again later."""
        self._database.execute(
            "UPDATE cdr SET refusal = ?, refusals = refusals + 1, again_at = ? WHERE cdr_id = ?",
            (refusal, _microseconds(again_at), cdr_id),
        )

    # Both.

    def creditors(self) -> list[Party]:
        """The eMSPs that are owed something."""
        rows = self._database.rows(
            "SELECT country_code, party_id FROM session WHERE is_owed"
            " UNION SELECT country_code, party_id FROM cdr WHERE taken_at IS NULL"
        )
        return [Party(row["country_code"], row["party_id"]) for row in rows]

    def next_try(self, emsp: Party) -> datetime | None:
        """When a refused CDR is due again at an eMSP."""
        row = self._database.row(
            "SELECT min(again_at) AS at FROM cdr WHERE taken_at IS NULL AND country_code = ? AND party_id = ?"
            " AND again_at > 0",
            emsp.folded,
        )
        return None if row is None or row["at"] is None else _moment(row["at"])

    def sessions(self) -> Iterator[StoredSession]:
        """All Sessions, oldest first."""
        return map(_session, self._database.rows("SELECT * FROM session ORDER BY id"))

    def cdrs(self) -> Iterator[StoredCdr]:
        """All CDRs, oldest first."""
        return map(_cdr, self._database.rows("SELECT * FROM cdr ORDER BY id"))

    def page(self, table: str, asked: PageRequest, emsps: frozenset[Party]) -> tuple[list[bytes], int]:
        """One page of the Sessions or CDRs of these eMSPs as JSON texts, and how many all pages have."""
        if table not in _LISTS:
            raise ValueError(table)
        codes = [code for emsp in emsps for code in emsp.folded]
        of_emsp = " OR ".join("country_code = ? AND party_id = ?" for _ in emsps) or "0"
        where, parameters = f"({of_emsp})", list[Any](codes)
        if asked.date_from is not None:
            where, parameters = (
                where + " AND last_updated >= ?",
                [*parameters, _microseconds(asked.date_from)],
            )
        if asked.date_to is not None:
            where, parameters = where + " AND last_updated < ?", [*parameters, _microseconds(asked.date_to)]
        # Nothing of these statements comes from outside; values are parameters.
        total = self._database.rows(f"SELECT count(*) FROM {table} WHERE {where}", parameters)[0][0]  # noqa: S608
        rows = self._database.rows(
            f"SELECT text FROM {table} WHERE {where} ORDER BY id LIMIT ? OFFSET ?",  # noqa: S608
            (*parameters, asked.limit, asked.offset),
        )
        return [row["text"].encode() for row in rows], total


def _emsp(about: Session | CDR) -> Party:
    return Party(about.cdr_token.country_code, about.cdr_token.party_id)


def _session(row: Any) -> StoredSession:
    return StoredSession(
        current=_value(row["text"]),
        taken=_known(row["taken"]),
        taken_at=None if row["taken_at"] is None else _moment(row["taken_at"]),
        is_owed=bool(row["is_owed"]),
        refusal=row["refusal"],
        held=row["held"],
    )


def _cdr(row: Any) -> StoredCdr:
    return StoredCdr(
        current=_value(row["text"]),
        taken_at=None if row["taken_at"] is None else _moment(row["taken_at"]),
        url=row["url"],
        refusal=row["refusal"],
        refusals=row["refusals"],
    )


def _value(text: str) -> dict[str, Any]:
    value: dict[str, Any] = exact_json.decode(text)
    return value


def _known(text: str | None) -> dict[str, Any] | None:
    return None if text is None else _value(text)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
