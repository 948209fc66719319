"""Which charging profile each transaction has, and who set it: a restart forgets neither (CHP-05)."""

from typing import NamedTuple

from hub.ocpi.party import Party
from partners.database import Database
from schemas.v2_2_1 import ChargingProfile

TABLES = """
CREATE TABLE IF NOT EXISTS charging_profile (
    charging INTEGER PRIMARY KEY REFERENCES charging (id),
    profile TEXT,
    country_code TEXT,
    party_id TEXT,
    preferred TEXT
);
"""


class KeptProfile(NamedTuple):
    """What limits one transaction."""

    #: As the eMSP set it; None if it has not, or has removed it.
    profile: ChargingProfile | None = None
    #: Who once set one with success: it hears of changes.
    setter: Party | None = None
    #: What the driver's preferences come to.
    preferred: ChargingProfile | None = None


class ProfileBook:
    """All of them, in the node's database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(TABLES)

    def of(self, charging_id: int) -> KeptProfile:
        """What limits a transaction."""
        row = self._database.row("SELECT * FROM charging_profile WHERE charging = ?", (charging_id,))
        if row is None:
            return KeptProfile()
        setter = None if row["country_code"] is None else Party(row["country_code"], row["party_id"])
        return KeptProfile(_profile(row["profile"]), setter, _profile(row["preferred"]))

    def put(self, charging_id: int, kept: KeptProfile) -> None:
        """Keep it."""
        codes = (None, None) if kept.setter is None else (kept.setter.country_code, kept.setter.party_id)
        self._database.execute(
            "INSERT OR REPLACE INTO charging_profile (charging, profile, country_code, party_id, preferred)"
            " VALUES (?, ?, ?, ?, ?)",
            (charging_id, _text(kept.profile), *codes, _text(kept.preferred)),
        )


def _profile(text: str | None) -> ChargingProfile | None:
    return None if text is None else ChargingProfile.read(text, tolerant=True)


def _text(profile: ChargingProfile | None) -> str | None:
    return None if profile is None else profile.to_json().decode()
