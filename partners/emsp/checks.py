"""The check of each CDR that came: made when it comes, kept, and made again while something is missing."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hub.ocpi.description import ObjectKey
from hub.ocpi.paging import PageRequest
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.pricing.plausibility import Charge, Known, Missing, Plausibility
from hub.pricing.plausibility.case import is_reservation
from partners.database import Database
from partners.emsp.check import Published, checked
from partners.emsp.inbox import FINAL
from partners.emsp.locations import Locations, UnknownPlace, connector_of
from partners.emsp.tariff_history import TariffHistory
from partners.emsp.tokens import Tokens, UnknownToken
from partners.objects import Objects, StoredObject, microseconds, moment
from schemas import exact_json
from schemas.text import NOT_AVAILABLE
from schemas.tolerance import TOLERANT
from schemas.v2_2_1 import CDR, Location, Session, Token

TABLES = """
CREATE TABLE IF NOT EXISTS checked_cdr (
    -- The order in which they were checked first: each is compared with those before it.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    holder TEXT NOT NULL,
    country_code TEXT NOT NULL,
    party_id TEXT NOT NULL,
    cdr_id TEXT NOT NULL,
    -- Microseconds since 1970.
    came_at INTEGER NOT NULL,
    -- Whether something was missing that may still come.
    is_open INTEGER NOT NULL,
    -- JSON.
    result TEXT NOT NULL,
    -- What later CDRs are compared with.
    evse TEXT,
    token TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    latitude TEXT NOT NULL,
    longitude TEXT NOT NULL,
    credit_of TEXT,
    UNIQUE (holder, country_code, party_id, cdr_id)
);
CREATE INDEX IF NOT EXISTS checked_cdr_by_evse ON checked_cdr (holder, country_code, party_id, evse);
CREATE INDEX IF NOT EXISTS checked_cdr_by_token ON checked_cdr (holder, token);
CREATE INDEX IF NOT EXISTS checked_cdr_by_credit ON checked_cdr (holder, country_code, party_id, credit_of);
"""
_KEEP: Final = (
    "INSERT INTO checked_cdr (holder, country_code, party_id, cdr_id, came_at, is_open, result, evse, token,"
    " starts_at, ends_at, latitude, longitude, credit_of) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (holder, country_code, party_id, cdr_id) DO UPDATE"
    " SET is_open = excluded.is_open, result = excluded.result"
)
#: Charges before this one that nobody took back.
_OTHERS: Final = (
    "SELECT * FROM checked_cdr one WHERE holder = ? AND credit_of IS NULL AND id < ? AND ends_at > ?"
    " AND starts_at < ? AND NOT EXISTS (SELECT 1 FROM checked_cdr other WHERE other.holder = one.holder"
    " AND other.country_code = one.country_code AND other.party_id = one.party_id"
    " AND other.credit_of = one.cdr_id) AND {} ORDER BY id DESC LIMIT 50"
)
_AT_EVSE: Final = _OTHERS.format("country_code = ? AND party_id = ? AND evse = ?")
_OF_TOKEN: Final = _OTHERS.format("token = ?")
_NO_ID: Final = 2**62
#: How long before and after another charge with the same token may matter.
_A_LONG_WAY: Final = timedelta(days=2)
#: What has not come by then does not come.
PATIENCE: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Checks:
    """Checks the CDRs of one party of ours, by what that party knows."""

    party: Party
    database: Database
    objects: Objects
    places: Locations
    tokens: Tokens
    history: TariffHistory
    clock: Clock
    measures: Plausibility = field(default_factory=Plausibility)

    def __post_init__(self) -> None:
        self.database.define(TABLES)

    def of(self, stored: StoredObject) -> Mapping[str, Any]:
        """The check of a CDR as JSON values, as `Check.as_data` gives it; it is made if there is none yet.

        What was missing may have come since, as long as `PATIENCE`: then it is made again, and says what it
        says by the tariffs of the start all the same.
        """
        row = self._row(stored.key)
        if row is not None:
            came_at = moment(row["came_at"])
            if not row["is_open"] or self.clock() - came_at > PATIENCE:
                result: Mapping[str, Any] = exact_json.decode(row["result"].encode())
                return result
            return self._made(stored, came_at, row["id"])
        return self._made(stored, stored.received_at, _NO_ID)

    def make(self, key: ObjectKey, came_at: datetime | None = None) -> None:
        """Check a CDR that was kept just now.

        Args:
            key: The CDR.
            came_at: When it came; None: it was in a list, so its owner says when.
        """
        stored = self.objects.get(key)
        if stored is not None and self._row(key) is None:
            self._made(stored, came_at or min(stored.last_updated, stored.received_at), _NO_ID)

    async def catch_up(self) -> int:
        """Check what was read from lists and has not been checked, others served in between; how many."""
        found = [each.key for each in self.objects.all("cdrs") if self._row(each.key) is None]
        for key in found:
            self.make(key)
            await asyncio.sleep(0)
        return len(found)

    def _made(self, stored: StoredObject, came_at: datetime, before: int) -> Mapping[str, Any]:
        value = stored.value()
        cdr = CDR.model_validate(value, context=TOLERANT)
        owner = Party(cdr.country_code, cdr.party_id)
        known = self._known(cdr, owner, came_at, before)
        result = checked(value, cdr, known, self._published(cdr, owner, known), self.measures).as_data()
        is_open = (
            known.location is Missing.NOT_ASKED
            or (cdr.session_id is not None and isinstance(known.session, Missing))
            or (isinstance(known.session, Session) and known.session.status not in FINAL)
            or known.original is Missing.UNKNOWN
        )
        text, row = exact_json.encode(result).decode(), self._row(stored.key)
        if row is None or (row["result"], row["is_open"]) != (text, is_open):
            whose = (str(self.party), *owner.folded, cdr.id.upper())
            kept = (*whose, microseconds(came_at), is_open, text, *_footprint(cdr))
            self.database.execute(_KEEP, kept)
        return result

    def _known(self, cdr: CDR, owner: Party, came_at: datetime, before: int) -> Known:
        evse, token, starts_at, ends_at, _, _, credit_of = _footprint(cdr)
        margin = _A_LONG_WAY // timedelta(microseconds=1)
        holder = str(self.party)
        return Known(
            now=came_at,
            session=self._session(cdr, owner),
            token=self._token(cdr),
            location=self._location(cdr, owner),
            tariffs=tuple(each.version for each in self._versions(cdr, owner)),
            original=self._original(owner, credit_of),
            other_credits=self._other_credits(owner, credit_of, before),
            at_evse=_charges(
                self.database.rows(_AT_EVSE, (holder, before, starts_at, ends_at, *owner.folded, evse))
            ),
            of_token=_charges(
                self.database.rows(_OF_TOKEN, (holder, before, starts_at - margin, ends_at + margin, token))
            ),
        )

    def _session(self, cdr: CDR, owner: Party) -> Session | Missing:
        if cdr.session_id is None:
            return Missing.NOT_ASKED
        stored = self.objects.get(ObjectKey("sessions", *owner.folded, cdr.session_id.upper()))
        if stored is not None:
            return Session.read(stored.text, tolerant=True)
        told, _ = self.objects.page("sessions", PageRequest(offset=0, limit=1), owner=owner)
        return Missing.UNKNOWN if told else Missing.NOT_ASKED

    def _token(self, cdr: CDR) -> Token | Missing:
        try:
            return self.tokens.get(cdr.cdr_token.uid, cdr.cdr_token.type)
        except UnknownToken:
            return Missing.UNKNOWN

    def _location(self, cdr: CDR, owner: Party) -> Location | Missing:
        """Home chargers are never published, so a place that is not known is no offence (SES-21)."""
        try:
            return self.places.find(cdr.cdr_location.id, owner)
        except UnknownPlace:
            return Missing.NOT_ASKED

    def _versions(self, cdr: CDR, owner: Party, more: Iterable[str] = ()) -> Any:
        named = {each.tariff_id for each in cdr.charging_periods if each.tariff_id}
        return self.history.versions(owner, {*named, *(each.id for each in cdr.tariffs), *more})

    def _published(self, cdr: CDR, owner: Party, known: Known) -> Published:
        offered = None
        if isinstance(known.location, Location):
            offered = _offered(known.location, cdr)
        return Published(self._versions(cdr, owner, offered or ()), offered)

    def _original(self, owner: Party, credit_of: str | None) -> Any:
        if credit_of is None:
            return Missing.NOT_ASKED
        stored = self.objects.get(ObjectKey("cdrs", *owner.folded, credit_of))
        return Missing.UNKNOWN if stored is None else stored.value()

    def _other_credits(self, owner: Party, credit_of: str | None, before: int) -> tuple[str, ...]:
        rows = self.database.rows(
            "SELECT cdr_id FROM checked_cdr WHERE holder = ? AND country_code = ? AND party_id = ?"
            " AND credit_of = ? AND id < ? ORDER BY id",
            (str(self.party), *owner.folded, credit_of, before),
        )
        return tuple(row["cdr_id"] for row in rows)

    def _row(self, key: ObjectKey) -> Any:
        return self.database.row(
            "SELECT * FROM checked_cdr WHERE holder = ? AND country_code = ? AND party_id = ? AND cdr_id = ?",
            (str(self.party), key.country_code, key.party_id, key.object_id),
        )


def _offered(location: Location, cdr: CDR) -> tuple[str, ...] | None:
    """The tariffs of the connector when the session started; None: it has changed since, or is not known."""
    place = cdr.cdr_location
    try:
        connector = connector_of(location, place.evse_uid, place.connector_id)
    except UnknownPlace:
        return None
    return tuple(connector.tariff_ids) if connector.last_updated <= cdr.start_date_time else None


def _footprint(cdr: CDR) -> tuple[str | None, str, int, int, str, str, str | None]:
    """What later CDRs are compared with: EVSE, token, arrival and end, latitude and longitude, credited."""
    place, token = cdr.cdr_location, cdr.cdr_token
    periods = sorted(cdr.charging_periods, key=lambda period: period.start_date_time)
    arrival = next((each.start_date_time for each in periods if not is_reservation(each)), cdr.end_date_time)
    return (
        None if place.evse_uid == NOT_AVAILABLE else f"{place.id} {place.evse_uid}".upper(),
        f"{token.type} {token.uid}".upper(),
        microseconds(arrival),
        microseconds(cdr.end_date_time),
        place.coordinates.latitude,
        place.coordinates.longitude,
        cdr.credit_reference_id.upper() if cdr.credit and cdr.credit_reference_id else None,
    )


def _charges(rows: Iterable[Any]) -> tuple[Charge, ...]:
    return tuple(
        Charge(
            row["cdr_id"],
            moment(row["starts_at"]),
            moment(row["ends_at"]),
            Decimal(row["latitude"]),
            Decimal(row["longitude"]),
        )
        for row in rows
    )
