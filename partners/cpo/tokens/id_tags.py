"""The id tags under which charge points know the eMSPs' tokens.

OCPI's uid has up to 36 characters, OCPP 1.6's idTag 20. A uid that does not fit gets a surrogate of 20
hexadecimal digits, which is remembered both ways; Sessions and CDRs always carry the uid itself. Nothing is
ever cut off.

Sources: 2.2.1, Tokens; TOK-03; OCPP 1.6, IdToken.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from itertools import count

from hub.ocpi.description import ObjectKey
from partners.database import Database
from partners.objects import Objects
from schemas.v2_2_1 import Token, TokenType

ID_TAG_LENGTH = 20
#: In the place of a token's type: what is meant is a group of tokens.
_GROUP = "GROUP"

TABLES = """
CREATE TABLE IF NOT EXISTS surrogate (
    id_tag TEXT PRIMARY KEY,
    country_code TEXT NOT NULL,
    party_id TEXT NOT NULL,
    uid TEXT NOT NULL,
    type TEXT NOT NULL,
    UNIQUE (country_code, party_id, uid, type)
) WITHOUT ROWID;
-- One row: with what surrogates are made, so that they tell nothing of the uid.
CREATE TABLE IF NOT EXISTS surrogate_key (key BLOB NOT NULL);
"""


def token_key(token: Token) -> ObjectKey:
    """Where the node keeps a token: by owner, uid and type."""
    return ObjectKey(
        "tokens", token.country_code.upper(), token.party_id.upper(), token.uid.upper(), token.type.upper()
    )


class IdTags:
    """Finds the tokens behind id tags, and the id tags of tokens."""

    def __init__(self, database: Database, objects: Objects) -> None:
        self._database = database
        self._objects = objects
        database.define(TABLES)
        if database.row("SELECT 1 FROM surrogate_key") is None:
            database.execute("INSERT INTO surrogate_key (key) VALUES (?)", (secrets.token_bytes(32),))

    def id_tag(self, token: Token, longest: int = ID_TAG_LENGTH) -> str:
        """The id tag under which charge points know this token: its uid, or a surrogate that is kept.

        Args:
            token: Of an eMSP.
            longest: How many characters fit at the charge point.
        """
        if len(token.uid) <= longest:
            return token.uid
        return self.id_tag_of(token_key(token), longest)

    def id_tag_of(self, key: ObjectKey, longest: int = ID_TAG_LENGTH) -> str:
        """The id tag of the token with this key, which may be gone by now."""
        _, *whose = key
        return key.object_id if len(key.object_id) <= longest else self._surrogate(whose)

    def group(self, token: Token) -> str | None:
        """The id under which charge points know the group of a token; None: it has none.

        A group is called the same in all versions of OCPP, in lists and in answers.
        """
        if not token.group_id or len(token.group_id) <= ID_TAG_LENGTH:
            return token.group_id or None
        owner = (token.country_code.upper(), token.party_id.upper())
        return self._surrogate([*owner, token.group_id.upper(), _GROUP])

    def token(self, id_tag: str) -> Token | None:
        """The token that an id tag stands for.

        Raises:
            Ambiguous: Two eMSPs gave out the same uid.
        """
        found = self._known_as(id_tag)
        # OCPP 1.6 does not say of which type an id tag is; a card is what one holds to a reader.
        cards = [token for token in found if token.type == TokenType.RFID]
        found = cards or found
        if len(found) > 1:
            raise Ambiguous(f"id tag {id_tag} stands for tokens of several eMSPs")
        return found[0] if found else None

    def _known_as(self, id_tag: str) -> list[Token]:
        row = self._database.row("SELECT * FROM surrogate WHERE id_tag = ?", (id_tag.upper(),))
        if row is None:
            stored = self._objects.with_id("tokens", id_tag)
        else:
            one = self._objects.get(
                ObjectKey("tokens", row["country_code"], row["party_id"], row["uid"], row["type"])
            )
            stored = [] if one is None else [one]
        return [Token.read(each.text, tolerant=True) for each in stored if each.is_valid]

    def _surrogate(self, key: list[str]) -> str:
        row = self._database.row(
            "SELECT id_tag FROM surrogate WHERE country_code = ? AND party_id = ? AND uid = ? AND type = ?",
            key,
        )
        return self._new_surrogate(key) if row is None else str(row["id_tag"])

    def _new_surrogate(self, key: list[str]) -> str:
        for id_tag in self._candidates(key):
            taken = self._database.row("SELECT 1 FROM surrogate WHERE id_tag = ?", (id_tag,))
            if taken is None and not self._objects.with_id("tokens", id_tag):
                self._database.execute(
                    "INSERT INTO surrogate (id_tag, country_code, party_id, uid, type)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (id_tag, *key),
                )
                return id_tag
        raise AssertionError("the candidates have no end")

    def _candidates(self, key: list[str]) -> Iterator[str]:
        """Some chargers take hexadecimal digits in upper case only."""
        row = self._database.row("SELECT key FROM surrogate_key")
        secret = b"" if row is None else bytes(row["key"])
        for attempt in count():
            message = "|".join((*key, str(attempt))).encode()
            yield hmac.new(secret, message, hashlib.sha256).hexdigest()[:ID_TAG_LENGTH].upper()


class Ambiguous(Exception):
    """An id tag stands for tokens of several eMSPs."""
