"""Permissions to charge that a token has got at a charge point, until a transaction uses them.

A grant carries from the authorization to the Session who may charge, by what method and under which reference
of the eMSP; the last one given counts (SES-12, CDR-13). A START_SESSION is a grant: OCPI forbids to ask the
eMSP again about a token that it has just sent (CMD-14).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from partners.database import Database
from schemas.v2_2_1 import AuthMethod, Token, TokenType

TABLES = """
CREATE TABLE IF NOT EXISTS permission (
    charge_point TEXT NOT NULL,
    -- 0: at any connector.
    connector INTEGER NOT NULL,
    id_tag TEXT NOT NULL COLLATE NOCASE,
    token TEXT NOT NULL,
    auth_method TEXT NOT NULL,
    authorization_reference TEXT,
    given TEXT NOT NULL,
    expires TEXT NOT NULL,
    PRIMARY KEY (charge_point, connector, id_tag)
) WITHOUT ROWID;
"""

#: How long a card may be shown after a command named it, without the eMSP being asked (CMD-14).
COMMANDED_CARD: Final = timedelta(minutes=15)
#: An app's token is shown by nobody: who comes with it was sent by the command, however late.
COMMANDED_APP: Final = timedelta(hours=24)
#: Until the cable must be in, by the charge point's own rule, and some.
AUTHORIZED: Final = timedelta(minutes=5)

_CARDS: Final = frozenset({TokenType.RFID, TokenType.OTHER})


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission to charge."""

    charge_point: str
    id_tag: str
    token: Token
    auth_method: AuthMethod
    given: datetime
    #: None: at any connector; Authorize of OCPP 1.6 does not say at which.
    connector: int | None = None
    authorization_reference: str | None = None
    #: When the reservation ends that gave it.
    reserved_until: datetime | None = None

    @property
    def expires(self) -> datetime:
        """When it is over if no transaction has used it; a reservation keeps that of an app's token alive."""
        if self.auth_method is not AuthMethod.COMMAND:
            return self.given + AUTHORIZED
        if self.token.type in _CARDS:
            return self.given + COMMANDED_CARD
        return max(self.given + COMMANDED_APP, self.reserved_until or self.given)


class Grants:
    """The grants, in the node's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(TABLES)

    def give(self, grant: Grant) -> None:
        """Keep a grant, in place of an older one for the same token and connector."""
        self._database.execute("DELETE FROM permission WHERE expires <= ?", (_text(grant.given),))
        self._database.execute(
            "INSERT OR REPLACE INTO permission (charge_point, connector, id_tag, token, auth_method,"
            " authorization_reference, given, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                grant.charge_point,
                grant.connector or 0,
                grant.id_tag,
                grant.token.to_json().decode(),
                grant.auth_method.value,
                grant.authorization_reference,
                _text(grant.given),
                _text(grant.expires),
            ),
        )

    def find(
        self, charge_point: str, id_tag: str, now: datetime, connector: int | None = None
    ) -> Grant | None:
        """The grant that counts: the last one given for this id tag, at this connector or at any."""
        rows = self._database.rows(
            "SELECT * FROM permission WHERE charge_point = ? AND id_tag = ? AND expires > ?"
            " ORDER BY given DESC",
            (charge_point, id_tag, _text(now)),
        )
        grants = map(_read, rows)
        return next((each for each in grants if connector in {None, each.connector or connector}), None)

    def take_back(self, grant: Grant) -> None:
        """End a grant: a transaction has used it, or the charge point did not want to."""
        self._database.execute(
            "DELETE FROM permission WHERE charge_point = ? AND connector = ? AND id_tag = ?",
            (grant.charge_point, grant.connector or 0, grant.id_tag),
        )


def _read(row: Any) -> Grant:
    return Grant(
        charge_point=row["charge_point"],
        id_tag=row["id_tag"],
        token=Token.read(row["token"], tolerant=True),
        auth_method=AuthMethod(row["auth_method"]),
        given=datetime.fromisoformat(row["given"]),
        connector=row["connector"] or None,
        authorization_reference=row["authorization_reference"],
    )


def _text(moment: datetime) -> str:
    """All of one width, so that texts sort as instants do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
