"""What a dialect is to the rest of the charger, and what it needs of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from partners.charger.call import Call
from partners.charger.central_system_link import Reply
from partners.charger.certificate import Certificate
from partners.charger.outbox import Message
from partners.charger.states import BootReason, Cause, Status
from partners.charger.station import Station
from partners.charger.voice import Voice


class Speech(Protocol):
    """The way to the central system, as a dialect uses it."""

    @property
    def is_up(self) -> bool:
        """Whether there is a link on which the central system has accepted the charger."""

    @property
    def waiting(self) -> int:
        """How many messages wait."""

    def put(self, message: Message) -> None:
        """To be said after everything that waits already."""

    def say(self, call: Call) -> None:
        """Say something that is worth nothing on a later link; nothing without a link."""

    def come_back(self) -> None:
        """Drop the link and connect again: what it shows when it connects is another thing now."""

    async def ask(self, call: Call) -> Mapping[str, Any]:
        """Ask something that cannot wait for a later link.

        Raises:
            LinkLost: There is none, or no longer.
            NotAnswered: There is no answer that helps.
        """


class Restart(Protocol):
    """Boots the charger again, soon."""

    def __call__(self, cause: Cause, *, when_idle: bool = False, says_all_first: bool = False) -> None:
        """Boot again.

        Args:
            cause: Why transactions end with it.
            when_idle: Wait until there are none.
            says_all_first: Tell the central system everything before.
        """


class Dialect(Voice, Protocol):
    """One version of OCPP."""

    #: "1.6", "2.0.1" or "2.1".
    version: str
    certificate: Certificate

    def boot_notification(self, reason: BootReason) -> Call:
        """Who it is."""

    def whole_changed(self, status: Status) -> None:
        """The charger as a whole is in a state, or the state is to be told again."""

    def disconnected(self) -> None:
        """The link is lost: what was said on it is forgotten, as far as it meant nothing else."""

    def reply(self, call: Call) -> Reply | None:
        """The answer to a CALL that its schema allows; None: it is not offered here."""

    def rejection(self, call: Call) -> Mapping[str, Any] | None:
        """The answer of a charger that does not want to; None: the action has no such word."""


class Maker(Protocol):
    """The class of a dialect."""

    version: str

    def __call__(self, station: Station, speech: Speech, restart: Restart) -> Dialect:
        """A dialect for one charger."""


def timestamp(at: datetime) -> str:
    """An instant as OCPP's text: UTC, milliseconds, `Z`."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
