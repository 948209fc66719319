"""What a charger knows of tokens by itself: the list that it was sent, and what it remembers."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from partners.charger.states import Outcome, Token, Verdict

#: None: the token is taken off the list.
Entry = tuple[str, Verdict | None]


@dataclass(slots=True)
class TokenList:
    """The local authorization list, and the authorization cache beside it."""

    #: Of the list; 0: there is none.
    version: int = 0
    _listed: dict[str, Verdict] = field(default_factory=dict)
    _remembered: dict[str, Verdict] = field(default_factory=dict)

    def replace(self, version: int, entries: Iterable[Entry]) -> None:
        """A whole new list."""
        self._listed = {token.upper(): verdict for token, verdict in entries if verdict is not None}
        self.version = version

    def amend(self, version: int, entries: Iterable[Entry]) -> Outcome:
        """Some entries anew, some gone; not if the list is as new already."""
        if version <= self.version:
            return Outcome.REJECTED
        for token, verdict in entries:
            if verdict is None:
                self._listed.pop(token.upper(), None)
            else:
                self._listed[token.upper()] = verdict
        self.version = version
        return Outcome.ACCEPTED

    def remember(self, token: Token, verdict: Verdict) -> None:
        """Keep what the central system said; what is listed need not be remembered."""
        if token.id.upper() not in self._listed:
            self._remembered[token.id.upper()] = verdict

    def forget(self) -> None:
        """Empty the cache; the list stays."""
        self._remembered.clear()

    def verdict(self, token: Token) -> Verdict | None:
        """What is known of a token; None: nothing."""
        known = self._listed.get(token.id.upper())
        return self._remembered.get(token.id.upper()) if known is None else known
