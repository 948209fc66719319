"""What is kept of each charger as somebody who connects: password, standing, what onboarding found."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final, NamedTuple

from partners.cpo.security.passwords import LENGTH, hashed
from partners.database import Database
from schemas import exact_json

TABLES = """
CREATE TABLE IF NOT EXISTS charger_account (
    id TEXT PRIMARY KEY,
    standing TEXT NOT NULL,
    password BLOB,
    vendor TEXT,
    model TEXT,
    findings TEXT NOT NULL DEFAULT '[]',
    onboarded_at TEXT,
    offered BLOB NOT NULL DEFAULT x''
) WITHOUT ROWID;
"""


#: Anybody may call itself anything: so many names are written down.
_MOST_STRANGERS: Final = 1000


class Standing(StrEnum):
    """What the operator says of a charger."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"
    #: Nobody has said anything yet: its boot is answered Pending.
    PENDING = "pending"


class ChargerAccount(NamedTuple):
    """One charger."""

    id: str
    standing: Standing
    password: bytes | None = None
    vendor: str | None = None
    model: str | None = None
    #: What was wrong at the last onboarding, in words.
    findings: tuple[str, ...] = ()
    onboarded_at: str | None = None
    #: Passwords that it was told and may have taken: right as well, until it shows one of them.
    offered: tuple[bytes, ...] = ()

    @property
    def right(self) -> tuple[bytes, ...]:
        """All passwords that are right."""
        return (*(() if self.password is None else (self.password,)), *self.offered)


class ChargerBook:
    """The accounts, in the node's database; all of them in memory as well.

    Args:
        database: The node's.
        configured: Chargers that the configuration names: they are allowed unless somebody says otherwise.
    """

    def __init__(self, database: Database, configured: Iterable[str]) -> None:
        self._database = database
        database.define(TABLES)
        self._accounts = {each: ChargerAccount(each, Standing.ALLOWED) for each in configured}
        for row in database.rows("SELECT * FROM charger_account"):
            self._accounts[row["id"]] = _account(row)
        database.undone.append(self._read_anew)

    def find(self, charger: str) -> ChargerAccount | None:
        """The account of a charger; None: nobody knows it."""
        return self._accounts.get(charger)

    def all(self) -> list[ChargerAccount]:
        """All accounts, by name."""
        return [self._accounts[each] for each in sorted(self._accounts)]

    @property
    def has_room(self) -> bool:
        """Whether one more stranger may wait."""
        return sum(each.standing is Standing.PENDING for each in self._accounts.values()) < _MOST_STRANGERS

    def stand(self, charger: str, standing: Standing) -> ChargerAccount:
        """Say whether it may connect; makes an account where there is none."""
        return self._put(self._of(charger, standing)._replace(standing=standing))

    def set_password(self, charger: str, password: str) -> ChargerAccount:
        """From now on this one is right, and no other."""
        return self._put(self._of(charger)._replace(password=hashed(password), offered=()))

    def offer_password(self, charger: str, password: str) -> bytes:
        """The charger is told this one now, and it may be right from now on; how it is kept."""
        account, kept = self._of(charger), hashed(password)
        self._put(account._replace(offered=(*account.offered, kept)))
        return kept

    def has_password(self, charger: str, kept: bytes) -> ChargerAccount:
        """The charger has this one: it is right, and no other."""
        return self._put(self._of(charger)._replace(password=kept, offered=()))

    def refused_password(self, charger: str, kept: bytes) -> None:
        """The charger did not take this one."""
        account = self._of(charger)
        self._put(account._replace(offered=tuple(each for each in account.offered if each != kept)))

    def booted(self, charger: str, vendor: str, model: str) -> None:
        """What it says that it is."""
        account = self._of(charger, Standing.PENDING)
        if (account.vendor, account.model) != (vendor, model):
            with self._database.grouped():  # with the boot, which waits until it is on disk
                self._put(account._replace(vendor=vendor, model=model))

    def onboarded(self, charger: str, findings: Iterable[str], at: str) -> None:
        """Onboarding is over."""
        self._put(self._of(charger)._replace(findings=tuple(findings), onboarded_at=at))

    def _of(self, charger: str, standing: Standing = Standing.ALLOWED) -> ChargerAccount:
        return self._accounts.get(charger) or ChargerAccount(charger, standing)

    def _put(self, account: ChargerAccount) -> ChargerAccount:
        told = (
            *account[:5],
            exact_json.encode(list(account.findings)).decode(),
            account.onboarded_at,
            b"".join(account.offered),
        )
        self._database.execute(
            "INSERT OR REPLACE INTO charger_account"
            " (id, standing, password, vendor, model, findings, onboarded_at, offered)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            told,
        )
        self._accounts[account.id] = account
        return account

    def _read_anew(self) -> None:
        for row in self._database.rows("SELECT * FROM charger_account"):
            self._accounts[row["id"]] = _account(row)


def _account(row: Any) -> ChargerAccount:
    return ChargerAccount(
        row["id"],
        Standing(row["standing"]),
        row["password"],
        row["vendor"],
        row["model"],
        tuple(exact_json.decode(row["findings"])),
        row["onboarded_at"],
        tuple(row["offered"][at : at + LENGTH] for at in range(0, len(row["offered"]), LENGTH)),
    )
