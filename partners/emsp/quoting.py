"""Quotes for drivers: made from what we know of a place, and kept with the session that is started by one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock, format_timestamp
from partners.database import Database
from partners.emsp.locations import Locations, connector_of, owner_of
from partners.emsp.quote import Quote, Wish, quoted
from partners.emsp.tariff_history import TariffHistory
from schemas import exact_json

TABLES = """
CREATE TABLE IF NOT EXISTS quote (
    holder TEXT NOT NULL,
    authorization_reference TEXT NOT NULL,
    made_at TEXT NOT NULL,
    -- JSON.
    text TEXT NOT NULL,
    PRIMARY KEY (holder, authorization_reference)
);
"""


class Place(NamedTuple):
    """A connector, as a driver names it."""

    location_id: str
    evse_uid: str
    connector_id: str
    #: Whose it is, where several have a location with this id.
    owner: Party | None = None


class PlacedQuote(NamedTuple):
    """A quote, and the place that it is for."""

    place: Place
    quote: Quote

    def as_data(self) -> dict[str, Any]:
        """The quote as JSON values."""
        place = self.place
        return {
            "cpo": str(place.owner),
            "location": place.location_id,
            "evse": place.evse_uid,
            "connector": place.connector_id,
            **self.quote.as_data(),
        }


@dataclass(frozen=True, slots=True)
class Quoting:
    """Quotes of one party of ours."""

    party: Party
    database: Database
    places: Locations
    history: TariffHistory
    clock: Clock

    def __post_init__(self) -> None:
        self.database.define(TABLES)

    def quote(self, asked: Place, wish: Wish) -> PlacedQuote:
        """What a charging will cost by what the CPO has told us.

        Raises:
            UnknownPlace: there is no such connector.
            NoQuote: there is no price.
        """
        location = self.places.find(asked.location_id, asked.owner)
        connector = connector_of(location, asked.evse_uid, asked.connector_id)
        owner = owner_of(location)
        versions = [each.version for each in self.history.versions(owner, connector.tariff_ids)]
        place = Place(location.id, asked.evse_uid, connector.id, owner)
        return PlacedQuote(place, quoted(wish, connector, versions, location.time_zone))

    def keep(self, authorization_reference: str, quote: PlacedQuote) -> None:
        """Keep the quote that a session is started by."""
        self.database.execute(
            "INSERT INTO quote (holder, authorization_reference, made_at, text) VALUES (?, ?, ?, ?)",
            (
                str(self.party),
                authorization_reference,
                format_timestamp(self.clock()),
                exact_json.encode(quote.as_data()).decode(),
            ),
        )

    def kept(self, authorization_reference: str | None) -> Mapping[str, Any] | None:
        """The quote that a session was started by, as JSON values; None: there is none."""
        row = self.database.row(
            "SELECT text FROM quote WHERE holder = ? AND authorization_reference = ?",
            (str(self.party), authorization_reference),
        )
        if row is None:
            return None
        found: Mapping[str, Any] = exact_json.decode(row["text"].encode())
        return found
