"""Who else is connected to the hub, as it tells us: the Receiver interface of HubClientInfo (HCI rows)."""

from collections.abc import Mapping
from typing import Any

from hub.ocpi.errors import InvalidParameters, NotFound
from hub.ocpi.party import NotAParty, Party
from partners.changes import Changes
from partners.database import Database
from partners.exchange import CREATED, DONE, Answer, Handler, Request
from schemas import exact_json
from schemas.tolerance import TOLERANT
from schemas.v2_2_1 import ClientInfo, ConnectionStatus, Role

# The URL of an object lacks its role; two roles of one party are two objects (HCI-09, AM-13).
TABLES = """
CREATE TABLE IF NOT EXISTS hub_client (
    country_code TEXT NOT NULL,
    party_id TEXT NOT NULL,
    role TEXT NOT NULL,
    status TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (country_code, party_id, role)
);
"""


class HubClients:
    """What we know of the other parties at the hub."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes
        #: How often a party that could not be reached was CONNECTED again; who was away has to GET (TR-32).
        self.returns = 0
        database.define(TABLES)

    def handlers(self) -> Mapping[str, Handler]:
        """The Receiver interface."""
        path = "/{country_code}/{party_id}"
        return {f"GET {path}": self._get, f"PUT {path}": self._put}

    def keep(self, value: Any) -> bool:
        """Keep what the hub says of a party in one role; whether it is news.

        Raises:
            ValueError: it is no ClientInfo of a party.
        """
        info = ClientInfo.model_validate(value, context=TOLERANT)
        party = Party(info.country_code, info.party_id)
        known = self._row(party, info.role)
        is_back = known is not None and known["status"] != info.status == ConnectionStatus.CONNECTED
        self.returns += is_back
        self._database.execute(
            "INSERT OR REPLACE INTO hub_client (country_code, party_id, role, status, text)"
            " VALUES (?, ?, ?, ?, ?)",
            (*party.folded, str(info.role), str(info.status), exact_json.encode(value).decode()),
        )
        self._changes.announce()
        return known is None

    def status(self, party: Party, role: Role) -> ConnectionStatus | None:
        """Whether the party can be reached in this role, None where the hub has not said."""
        row = self._row(party, role)
        known = row is not None and row["status"] in set(ConnectionStatus)
        return ConnectionStatus(row["status"]) if known else None

    def connected(self, role: Role) -> list[Party]:
        """The parties in this role that can be reached, as far as the hub has said."""
        rows = self._database.rows(
            "SELECT country_code, party_id FROM hub_client WHERE role = ? AND status = ?"
            " ORDER BY country_code, party_id",
            (str(role), ConnectionStatus.CONNECTED.value),
        )
        return [Party(row["country_code"], row["party_id"]) for row in rows]

    def knows(self, party: Party) -> bool:
        """Whether the hub has told us of the party, in whatever role; True where it tells us of nobody."""
        row = self._database.row(
            "SELECT max(country_code = ? AND party_id = ?) AS is_listed FROM hub_client", party.folded
        )
        return row is None or row["is_listed"] in {None, 1}

    def all(self) -> list[ClientInfo]:
        """Everybody that the hub told us of."""
        rows = self._database.rows("SELECT text FROM hub_client ORDER BY country_code, party_id, role")
        return [ClientInfo.read(row["text"], tolerant=True) for row in rows]

    async def _get(self, request: Request) -> Answer:
        row = self._database.row(
            "SELECT text FROM hub_client WHERE country_code = ? AND party_id = ? ORDER BY role",
            (request.parameters["country_code"].upper(), request.parameters["party_id"].upper()),
        )
        if row is None:
            raise NotFound("this party is not known")
        return Answer(row["text"].encode())

    async def _put(self, request: Request) -> Answer:
        for code in ("country_code", "party_id"):
            if request.value[code].upper() != request.parameters[code].upper():
                raise InvalidParameters(f"/{code}: expected {request.parameters[code]!r} as in the URL")
        try:
            return CREATED if self.keep(request.value) else DONE
        except NotAParty as error:
            raise InvalidParameters(str(error)) from error

    def _row(self, party: Party, role: Role) -> Any:
        return self._database.row(
            "SELECT * FROM hub_client WHERE country_code = ? AND party_id = ? AND role = ?",
            (*party.folded, str(role)),
        )
