"""The local authorization lists of charge points, in step with the tokens that eMSPs gave us.

A list is sent so that cards are known while there is no link, and, where the charge point is set to look
there first, without asking. All lists are one list with one numbering: each change of a token gives the next
version, so that what a charge point lacks is what changed since the version that it has.

| a token of type RFID or OTHER | in the list                                                              |
|-------------------------------|--------------------------------------------------------------------------|
| ALWAYS, ALLOWED               | Accepted; if it is not valid, Invalid, so that no older memory counts    |
| ALLOWED_OFFLINE               | the same where the charge point asks first if it can; elsewhere nothing  |
| NEVER                         | nothing                                                                  |
| of two eMSPs with one uid     | nothing                                                                  |

| the charge point                          | what is sent                                 |
|-------------------------------------------|----------------------------------------------|
| has the version that it took last         | what changed since, in parts that fit        |
| has any other, or answers VersionMismatch | the whole list, in parts that fit            |
| has no room for all                       | the whole list as far as it fits, each time  |
| connects or boots                         | it is asked for its version first            |
| knows no lists                            | nothing until it connects again              |
| takes nothing, or does not answer         | the same after a while, and less often       |

Sources: 2.2.1, Tokens, WhitelistType; TOK-07, TOK-08; OCPP 1.6, 5.15 Send Local List; 2.0.1, D01.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, NamedTuple, Protocol

from hub.ocpi.description import ObjectKey
from partners.cpo.charging.charging_events import AuthorizationStatus
from partners.cpo.quirks import USUAL, Quirks
from partners.cpo.stations.questions import MOST_IN_LOCAL_LIST, ListedToken, Questions, Setting
from partners.cpo.tokens.id_tags import Ambiguous, IdTags
from partners.database import Database
from partners.objects import Objects
from partners.ocpp.link import Refused, Unanswered
from partners.ocpp.versions import Version
from schemas.v2_2_1 import Token, TokenType, WhitelistType

log = logging.getLogger(__name__)

TABLES = """
-- The version of the list with which each token got its present entry; tokens that are gone stay.
CREATE TABLE IF NOT EXISTS listed_token (
    country_code TEXT NOT NULL,
    party_id TEXT NOT NULL,
    uid TEXT NOT NULL,
    type TEXT NOT NULL,
    version INTEGER NOT NULL UNIQUE,
    -- What matters of it.
    says TEXT NOT NULL,
    PRIMARY KEY (country_code, party_id, uid, type)
) WITHOUT ROWID;
-- What each charge point took last.
CREATE TABLE IF NOT EXISTS local_list (
    charge_point TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    flavour TEXT NOT NULL
) WITHOUT ROWID;
"""

#: Whether the list is looked at before the central system is asked.
PRE_AUTHORIZES: Final = Setting("LocalPreAuthorize", "AuthCtrlr", "LocalPreAuthorize")
#: How many entries a list may have; 2.x says it in its report only.
MOST_LISTED: Final = Setting("LocalAuthListMaxLength", "LocalAuthListCtrlr", "Entries")
#: Where a charge point does not say how many entries fit into a message.
_USUAL_PART: Final = 50
#: Shown to a reader; others come from an app, through us.
_CARDS: Final = frozenset({TokenType.RFID, TokenType.OTHER})
#: The version of a list in which nothing was ever changed; 0 would mean that there is none.
_FIRST: Final = 1
#: How many charge points are told at a time.
_AT_A_TIME: Final = 16
#: One that never takes a list is tried so seldom.
_LONGEST: Final = timedelta(days=1)
#: After so many tokens others have their turn.
_BREATH: Final = 50


class Chargers(Protocol):
    """The central system, as far as it is needed here."""

    def is_connected(self, charge_point: str) -> bool:
        """Whether there is a link."""

    def version(self, charge_point: str) -> Version | None:
        """What it speaks."""

    def questions(self, charge_point: str) -> Questions:
        """The words in which it is asked."""

    async def setting(self, charge_point: str, setting: Setting) -> str | None:
        """The value of a setting."""

    async def local_list_version(self, charge_point: str) -> int:
        """The version of its list; 0 or less: it has none."""

    async def send_local_list(
        self, charge_point: str, version: int, tokens: list[ListedToken], *, whole: bool
    ) -> str:
        """Give it a list, or changes of it; its word."""


class Flavour(NamedTuple):
    """In what the lists of charge points differ."""

    longest_id_tag: int
    #: It asks us first whenever it can.
    asks_first: bool
    #: How uids are written there.
    quirks: Quirks = USUAL

    @property
    def name(self) -> str:
        """For the database."""
        odd = "" if self.quirks.rfid == USUAL.rfid else self.quirks.rfid
        turned = "r" if self.quirks.reversed_uids else ""
        return f"{self.longest_id_tag}{'+' if self.asks_first else ''}{turned}{odd}"


@dataclass(frozen=True, slots=True)
class Reader:
    """What a charge point can take, and has."""

    flavour: Flavour
    #: Entries a message, and entries in all (None: it does not say).
    part: int
    most: int | None
    #: The version that it has, if it is one of ours; None: it needs the whole list.
    version: int | None


class NoLists(Exception):
    """The charge point knows no local authorization lists."""


class NotTaken(Exception):
    """The charge point did not take what it was sent."""


def status_in_list(token: Token, flavour: Flavour) -> AuthorizationStatus | None:
    """What a list says of a token; None: nothing."""
    listed = {WhitelistType.ALWAYS, WhitelistType.ALLOWED} | (
        {WhitelistType.ALLOWED_OFFLINE} if flavour.asks_first else set()
    )
    if token.type not in _CARDS or token.whitelist not in listed:
        return None
    return AuthorizationStatus.ACCEPTED if token.valid else AuthorizationStatus.INVALID


@dataclass(slots=True)
class LocalLists:
    """Keeps the lists.

    Attributes:
        spawn: Does something later, on its own.
        settle: How long after it connected or booted a charge point is left alone.
        calm: For how long changes of tokens are gathered.
        again: After how long one that took nothing is tried again; each time twice as long, up to a day.
    """

    database: Database
    objects: Objects
    id_tags: IdTags
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    settle: timedelta
    calm: timedelta = timedelta(seconds=1)
    again: timedelta = timedelta(minutes=5)
    is_on: bool = True
    #: Those that are connected, and what is known of them since.
    _here: dict[str, Reader | None] = field(default_factory=dict)
    #: Those that know no lists.
    _without: set[str] = field(default_factory=set)
    _under_way: set[str] = field(default_factory=set)
    #: How long those that took nothing are left alone next time.
    _pauses: dict[str, timedelta] = field(default_factory=dict)
    _resting: set[str] = field(default_factory=set)
    _gathering: bool = False
    _chargers: Chargers | None = None
    _is_accepted: Callable[[str], bool] = lambda _: True
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_A_TIME))

    @property
    def chargers(self) -> Chargers:
        """The central system."""
        if self._chargers is None:
            raise RuntimeError("there is no central system yet")
        return self._chargers

    def begin(self, chargers: Chargers, is_accepted: Callable[[str], bool]) -> None:
        """Follow the tokens from now on; those that are known already are listed.

        Args:
            chargers: The central system.
            is_accepted: Whether a charge point is done with its onboarding.
        """
        self._chargers, self._is_accepted = chargers, is_accepted
        self.database.define(TABLES)
        self.objects.tell("tokens", self._changed)
        if self.database.row("SELECT 1 FROM listed_token") is None:
            with self.database.transaction():
                for stored in self.objects.all("tokens"):
                    self._note(stored.key, stored.value())

    # What happens.

    def came(self, charge_point: str) -> None:
        """A charge point is connected, or has booted: it may have another list than before."""
        if not self.is_on:
            return
        self._here[charge_point] = None
        self._without.discard(charge_point)
        self._pauses.pop(charge_point, None)
        self._soon(charge_point)

    def left(self, charge_point: str) -> None:
        """Its link is lost."""
        self._here.pop(charge_point, None)

    def is_in_step(self, charge_point: str) -> bool:
        """Whether a charge point has all, or cannot have it."""
        reader = self._here.get(charge_point)
        is_current = reader is not None and reader.version == self.version
        return is_current or charge_point in self._without

    def is_busy(self, charge_point: str) -> bool:
        """Whether a charge point is being told."""
        return charge_point in self._under_way

    @property
    def version(self) -> int:
        """Of the list as it should be."""
        row = self.database.row("SELECT max(version) AS version FROM listed_token")
        return _FIRST if row is None or row["version"] is None else int(row["version"])

    def _changed(self, key: ObjectKey, value: dict[str, Any] | None) -> None:
        """A token is another one now; in the transaction that keeps it."""
        if self._note(key, value) and self.is_on and not self._gathering:
            self._gathering = True
            self.spawn(self._tell_all())

    def _note(self, key: ObjectKey, value: dict[str, Any] | None) -> bool:
        """Whether a list may have to say something else now."""
        says = "" if value is None else "/".join(str(value.get(each)) for each in _MATTERS)
        _, *token = key
        row = self.database.row(
            "SELECT says FROM listed_token WHERE country_code = ? AND party_id = ? AND uid = ? AND type = ?",
            token,
        )
        if (None if row is None else row["says"]) == says:
            return False
        self.database.execute(
            "INSERT OR REPLACE INTO listed_token (country_code, party_id, uid, type, version, says)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*token, self.version + 1, says),
        )
        return True

    # To whom something is owed.

    async def _tell_all(self) -> None:
        await asyncio.sleep(self.calm.total_seconds())
        self._gathering = False
        for charge_point in [*self._here]:
            # Whoever waits after a boot is told with the rest.
            if self._here.get(charge_point) is not None:
                self._soon(charge_point, at_once=True)

    def _soon(self, charge_point: str, *, at_once: bool = False) -> None:
        if charge_point not in self._under_way:
            self._under_way.add(charge_point)
            self.spawn(self._keep(charge_point, timedelta() if at_once else self.settle))

    async def _keep(self, charge_point: str, pause: timedelta) -> None:
        try:
            await asyncio.sleep(pause.total_seconds())
            async with self._turns:
                while self._is_owed(charge_point):
                    with contextlib.suppress(_Anew):
                        await self._sync(charge_point)
            self._pauses.pop(charge_point, None)
        except NoLists:
            self._without.add(charge_point)
            log.info("%s knows no local authorization lists", charge_point)
        except (NotTaken, Unanswered) as why:
            log.warning("%s did not take its local authorization list: %r", charge_point, why)
            self._rest(charge_point)
        finally:
            self._under_way.discard(charge_point)

    def _rest(self, charge_point: str) -> None:
        """Try it again later; a change of a token does so at once."""
        if charge_point in self._resting:
            return
        pause = self._pauses.get(charge_point, self.again)
        self._pauses[charge_point] = min(pause * 2, _LONGEST)
        self._resting.add(charge_point)
        self.spawn(self._after_a_rest(charge_point, pause))

    async def _after_a_rest(self, charge_point: str, pause: timedelta) -> None:
        await asyncio.sleep(pause.total_seconds())
        self._resting.discard(charge_point)
        if charge_point in self._here:
            self._soon(charge_point, at_once=True)

    def _is_owed(self, charge_point: str) -> bool:
        return (
            charge_point in self._here
            and not self.is_in_step(charge_point)
            and self.chargers.is_connected(charge_point)
            and self._is_accepted(charge_point)
        )

    # What is sent.

    async def _sync(self, charge_point: str) -> None:
        reader = self._here.get(charge_point) or await self._met(charge_point)
        target = self.version
        if reader.version == target:
            self._here[charge_point] = reader
            return
        versions = await self._entries(reader.flavour, 0 if reader.version is None else reader.version)
        is_whole = reader.version is None
        if reader.most is not None and (not is_whole or len(versions) > reader.most):
            everything = await self._entries(reader.flavour, 0)
            if _count(everything) > reader.most:
                log.warning("%s has room for %s entries only", charge_point, reader.most)
                is_whole, versions = True, _most_useful(everything, reader.most)
        await self._send(charge_point, reader, versions, target, is_whole=is_whole)

    async def _met(self, charge_point: str) -> Reader:
        """Ask a charge point what it has, and what it can take."""
        try:
            version = await self.chargers.local_list_version(charge_point)
        except Refused as refused:
            if refused.is_for_want_of_support:
                raise NoLists from refused
            raise
        if version < 0:
            raise NoLists
        pre_authorizes = await self.chargers.setting(charge_point, PRE_AUTHORIZES)
        part = _whole_number(await self.chargers.setting(charge_point, MOST_IN_LOCAL_LIST))
        speaks = self.chargers.version(charge_point)
        is_1_6 = speaks is not None and speaks.is_1_6
        most = _whole_number(await self.chargers.setting(charge_point, MOST_LISTED)) if is_1_6 else None
        asks_first = pre_authorizes is not None and pre_authorizes.strip().lower() == "false"
        words = self.chargers.questions(charge_point)
        flavour = Flavour(words.longest_id_tag, asks_first, words.quirks)
        row = self.database.row("SELECT * FROM local_list WHERE charge_point = ?", (charge_point,))
        is_ours = row is not None and (row["version"], row["flavour"]) == (version, flavour.name)
        # Neither of us ever had an entry.
        is_empty = version == 0 and self.version == _FIRST
        has = version if is_ours and version else _FIRST if is_empty else None
        return Reader(flavour, part or _USUAL_PART, most, has)

    async def _entries(self, flavour: Flavour, since: int) -> dict[str, "_Change"]:
        """What changed since a version, by id tag, in order of versions."""
        rows = self.database.rows("SELECT * FROM listed_token WHERE version > ? ORDER BY version", (since,))
        found: dict[str, _Change] = {}
        for place, row in enumerate(rows):
            if place % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
            key = ObjectKey("tokens", row["country_code"], row["party_id"], row["uid"], row["type"])
            if key.variant in _CARDS:
                entry = self._entry(key, flavour)
                found.pop(entry.id_tag.upper(), None)
                found[entry.id_tag.upper()] = _Change(row["version"], entry)
        return found

    def _entry(self, key: ObjectKey, flavour: Flavour) -> ListedToken:
        """What the list says of the id tag of a token, whoever's it is by now."""
        id_tag = self.id_tags.id_tag_of(key, flavour.longest_id_tag)
        gone = ListedToken(id_tag, TokenType(key.variant))
        try:
            token = self.id_tags.token(id_tag)
        except Ambiguous:
            return gone
        status = None if token is None else status_in_list(token, flavour)
        if token is None or status is None:
            return gone
        return ListedToken(
            self.id_tags.id_tag(token, flavour.longest_id_tag),
            TokenType(token.type),
            status.value,
            parent=self.id_tags.group(token),
        )

    async def _send(
        self,
        charge_point: str,
        reader: Reader,
        changes: dict[str, "_Change"],
        target: int,
        *,
        is_whole: bool,
    ) -> None:
        """Send it in parts; each has the version up to which it tells."""
        told = [each for each in changes.values() if not is_whole or each.entry.status is not None]
        parts = [told[place : place + reader.part] for place in range(0, len(told), reader.part)] or [[]]
        for place, part in enumerate(parts):
            to_come = len(parts) - 1 - place
            is_last = to_come == 0
            version = part[-1].version if to_come and not is_whole else target - to_come
            entries = [each.entry for each in part]
            is_first = is_whole and place == 0
            word = await self.chargers.send_local_list(charge_point, version, entries, whole=is_first)
            # A whole list of which a part is missing is none of ours.
            self._answered(charge_point, reader, word, version if is_last or not is_whole else 0)

    def _answered(self, charge_point: str, reader: Reader, word: str, version: int) -> None:
        """Keep what a charge point has now.

        Raises:
            NoLists: It knows no lists.
            NotTaken: It has taken nothing.
        """
        if word == "NotSupported":
            raise NoLists
        has = version if word == "Accepted" else 0
        if charge_point in self._here:
            self._here[charge_point] = replace(reader, version=has or None)
        self.database.execute(
            "INSERT OR REPLACE INTO local_list (charge_point, version, flavour) VALUES (?, ?, ?)",
            (charge_point, has, reader.flavour.name),
        )
        if word == "VersionMismatch" and reader.version is not None:
            log.info("%s has another list than it had: it gets the whole one", charge_point)
            raise _Anew
        if word != "Accepted":
            raise NotTaken(word)


#: What of a token matters to a list.
_MATTERS: Final = ("whitelist", "valid", "group_id")


class _Anew(Exception):
    """Begin again, with the whole list."""


class _Change(NamedTuple):
    """An entry, and the version with which it came to be."""

    version: int
    entry: ListedToken


def _count(changes: dict[str, _Change]) -> int:
    return sum(each.entry.status is not None for each in changes.values())


def _most_useful(changes: dict[str, _Change], most: int) -> dict[str, _Change]:
    """As many entries as fit: who may charge before who may not, those that changed last first."""
    listed = [(name, each) for name, each in changes.items() if each.entry.status is not None]
    listed.sort(key=lambda each: (each[1].entry.status != AuthorizationStatus.ACCEPTED, -each[1].version))
    return dict(listed[:most])


def _whole_number(told: str | None) -> int | None:
    try:
        number = int(told or "")
    except ValueError:
        return None
    return number if number > 0 else None
