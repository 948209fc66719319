"""Who pays for a transaction and on which terms, frozen when it starts (CDR-09).

A Location that is renamed, a tariff that is replaced, a token that is blocked during a session: none of it
changes what the driver agreed to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from hub.ocpi.party import Party
from hub.ocpi.timestamps import format_timestamp, parse_timestamp
from hub.pricing import tariffs_for
from partners.cpo.billing.costs import TariffFrom, Terms
from partners.cpo.configuration import Place
from partners.database import Database
from schemas import exact_json
from schemas.text import NOT_AVAILABLE
from schemas.v2_2_1 import (
    EVSE,
    AuthMethod,
    CdrToken,
    Connector,
    Location,
    PowerType,
    Tariff,
    Token,
    TokenType,
)

TABLES = """
CREATE TABLE IF NOT EXISTS contract (
    charging INTEGER PRIMARY KEY REFERENCES charging (id),
    session_id TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL
);
"""

#: Phases of an alternating current.
_PHASES = {PowerType.AC_3_PHASE: 3, PowerType.AC_2_PHASE: 2, PowerType.AC_2_PHASE_SPLIT: 2}


@dataclass(frozen=True, slots=True)
class Contract:
    """The terms of one charging session."""

    session_id: str
    token: CdrToken
    auth_method: AuthMethod
    authorization_reference: str | None
    #: As it was at the start.
    location: Location
    place: Place
    tariff: Tariff
    meter_id: str | None
    #: Since when the EVSE was reserved; None: it was not.
    reserved: datetime | None = None
    #: The tariffs that the connector offered, for those who tell of preferences later.
    offered: tuple[Tariff, ...] = ()
    #: Tariffs chosen by preferences, each with the instant from which it holds (SES-17).
    chosen: tuple[TariffFrom, ...] = ()

    @property
    def terms(self) -> Terms:
        """Under which prices it charges."""
        return Terms(self.tariff, self.location.time_zone, self.reserved, self.chosen)

    @property
    def owner(self) -> Party:
        """The CPO: owner of Session and CDR."""
        return Party(self.location.country_code, self.location.party_id)

    @property
    def emsp(self) -> Party:
        """The party of the token: Session and CDR go there and nowhere else (SES-01, AM-26)."""
        return Party(self.token.country_code, self.token.party_id)

    @property
    def evse(self) -> EVSE:
        """The EVSE as it was at the start; of a reservation without one, any that could be meant."""
        if self.place.evse_uid == NOT_AVAILABLE:
            return self.location.evses[0]
        return next(each for each in self.location.evses if each.uid == self.place.evse_uid)

    @property
    def connector(self) -> Connector:
        """The connector as it was at the start."""
        if self.place.connector_id == NOT_AVAILABLE:
            return self.evse.connectors[0]
        return next(each for each in self.evse.connectors if each.id == self.place.connector_id)

    @property
    def max_power(self) -> Decimal:
        """The most that the connector can give, W; its voltage is that between line and neutral."""
        connector = self.connector
        if connector.max_electric_power is not None:
            return Decimal(connector.max_electric_power)
        return Decimal(connector.max_voltage * connector.max_amperage * self.phases)

    @property
    def phases(self) -> int:
        """Among which its current is divided."""
        return _PHASES.get(PowerType(self.connector.power_type), 1)


def cdr_token(token: Token) -> CdrToken:
    """What Session and CDR say of a token: its own uid, never the id tag that a charge point knows."""
    return CdrToken.model_validate(
        {name: getattr(token, name) for name in CdrToken.model_fields}, context={"tolerant": True}
    )


def applicable_tariff(tariffs: Sequence[Tariff], token_type: str, at: datetime) -> Tariff:
    """The tariff of a connector for this kind of token, valid at an instant (LOC-19).

    The rule is that of the pricing engine, with which eMSPs quote and check: one that is meant for just such
    sessions goes before one for all sessions. Where none is valid or none is for such a token, the first one
    is taken: somebody charges, and must know what it costs.
    """
    fitting = tariffs_for(tariffs, start=at, ad_hoc=token_type == TokenType.AD_HOC_USER)
    return next(iter(fitting), tariffs[0])


class Contracts:
    """The contracts, in the node's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(TABLES)

    def put(self, charging_id: int, contract: Contract) -> None:
        """Keep the contract of a transaction."""
        self._database.execute(
            "INSERT INTO contract (charging, session_id, text) VALUES (?, ?, ?)",
            (charging_id, contract.session_id, exact_json.encode(written_contract(contract)).decode()),
        )

    def change(self, charging_id: int, contract: Contract) -> None:
        """Keep what the driver agreed to later: another tariff from now on."""
        self._database.execute(
            "UPDATE contract SET text = ? WHERE charging = ?",
            (exact_json.encode(written_contract(contract)).decode(), charging_id),
        )

    def of(self, charging_id: int) -> Contract | None:
        """The contract of a transaction; None where nobody pays, as the id tag was refused."""
        row = self._database.row("SELECT text FROM contract WHERE charging = ?", (charging_id,))
        return None if row is None else _read(row["text"])

    def charging_of(self, session_id: str) -> int | None:
        """The transaction of a session."""
        row = self._database.row(
            "SELECT charging FROM contract WHERE session_id = ? COLLATE NOCASE", (session_id,)
        )
        return None if row is None else int(row["charging"])


@lru_cache(maxsize=256)
def _read(text: str) -> Contract:
    """A contract is read again with every sample, and seldom changes."""
    return read_contract(exact_json.decode(text))


def written_contract(contract: Contract) -> dict[str, Any]:
    """A contract as JSON has it."""
    return {
        "session_id": contract.session_id,
        "token": contract.token.to_wire(),
        "auth_method": contract.auth_method.value,
        "authorization_reference": contract.authorization_reference,
        "location": contract.location.to_wire(),
        "place": list(contract.place),
        "tariff": contract.tariff.to_wire(),
        "meter_id": contract.meter_id,
        "reserved": None if contract.reserved is None else format_timestamp(contract.reserved),
        "offered": [each.to_wire() for each in contract.offered],
        "chosen": [[format_timestamp(since), tariff.to_wire()] for since, tariff in contract.chosen],
    }


def read_contract(written: dict[str, Any]) -> Contract:
    """A contract from its JSON."""
    reserved = written["reserved"]
    return Contract(
        session_id=written["session_id"],
        token=CdrToken.model_validate(written["token"], context={"tolerant": True}),
        auth_method=AuthMethod(written["auth_method"]),
        authorization_reference=written["authorization_reference"],
        location=Location.model_validate(written["location"]),
        place=Place(*written["place"]),
        tariff=Tariff.model_validate(written["tariff"]),
        meter_id=written["meter_id"],
        reserved=None if reserved is None else parse_timestamp(reserved),
        offered=tuple(Tariff.model_validate(each) for each in written["offered"]),
        chosen=tuple(
            TariffFrom(parse_timestamp(since), Tariff.model_validate(tariff))
            for since, tariff in written["chosen"]
        ),
    )
