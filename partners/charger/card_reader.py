"""The RFID reader: what somebody who shows a card is told, with or without a central system to ask."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from partners.charger.central_system_link import LinkLost, NotAnswered
from partners.charger.configuration import Configuration
from partners.charger.states import Token, Verdict
from partners.charger.token_list import TokenList


@dataclass(slots=True)
class CardReader:
    """Of one charger.

    Attributes:
        configuration: Says what is known without asking, and what is done when nobody can be asked.
        ask: Asks the central system.
        tokens: What is known without it.
    """

    configuration: Configuration
    ask: Callable[[Token], Awaitable[Verdict]]
    tokens: TokenList = field(default_factory=TokenList)

    async def verdict(self, token: Token) -> Verdict:
        """Whether somebody may charge."""
        known = self.tokens.verdict(token)
        if known is Verdict.ACCEPTED and self.configuration.truth("LocalPreAuthorize"):
            return known
        try:
            verdict = await self.ask(token)
        except LinkLost:
            return self._offline_verdict(known)
        except NotAnswered:
            return Verdict.INVALID
        self.tokens.remember(token, verdict)
        return verdict

    def _offline_verdict(self, known: Verdict | None) -> Verdict:
        if known is not None and self.configuration.truth("LocalAuthorizeOffline"):
            return known
        offline = self.configuration.truth("AllowOfflineTxForUnknownId")
        return Verdict.ACCEPTED if offline else Verdict.INVALID
