"""Who tells the central system what happens at a charger, and on what occasion."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from partners.charger.connector import Connector, Transaction
from partners.charger.meter import Shown
from partners.charger.reservation import Reservation
from partners.charger.states import Cause, Token, Trigger, Verdict


class Occasion(NamedTuple):
    """Why there is something to say about a transaction, and what the meter shows."""

    at: datetime
    trigger: Trigger
    shown: tuple[Shown, ...] = ()


class Voice(Protocol):
    """Who tells the central system what happens: a dialect."""

    def status_changed(self, connectors: Sequence[Connector]) -> None:
        """Connectors are in another state, or their states are to be told again."""

    def began(self, connector: Connector, transaction: Transaction, occasion: Occasion) -> None:
        """There is a transaction."""

    def went_on(self, connector: Connector, transaction: Transaction, occasion: Occasion) -> None:
        """Something happened in it."""

    def ended(
        self,
        connector: Connector,
        transaction: Transaction,
        occasion: Occasion,
        cause: Cause,
        token: Token | None,
    ) -> None:
        """It is over; the token is that of whoever ended it."""

    def measured(self, connector: Connector, shown: Shown) -> None:
        """What a meter shows, for its own sake."""

    def reservation_over(self, reservation: Reservation) -> None:
        """Nobody came in time."""

    async def authorize(self, token: Token) -> Verdict:
        """Ask whether somebody may charge.

        Raises:
            LinkLost: Nobody can be asked.
            NotAnswered: There is no answer that helps.
        """
