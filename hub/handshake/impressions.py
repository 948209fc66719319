"""What a handshake shows of a platform's quirks, kept until it has succeeded."""

from collections.abc import Iterable, Iterator

from hub.directory.quirks import QUIRKS, YES, Quirk, Seen
from hub.ocpi.headers import TokenEncoding
from hub.ocpi.leniency import Oddity
from hub.ocpi.party import Party

#: What only the objects of a handshake show for sure, so that their absence says something, too.
OF_HANDSHAKES = (Quirk.LOWER_CASE, Quirk.NULLS, Quirk.SINGLE_OBJECT)


class Impressions:
    """Collects what is seen in one handshake."""

    def __init__(self, correlation_id: str) -> None:
        #: Of the handshake.
        self.correlation_id = correlation_id
        self._seen: list[Seen] = []

    def observe(self, _platform_id: int, seen: Seen) -> None:
        """Something was seen in an answer."""
        self._seen.append(seen)

    def notice(self, oddity: Oddity, _correlation_id: str = "") -> None:
        """Something was forgiven in an object."""
        self._seen.append(Seen(Quirk(oddity), YES, self.correlation_id))

    def of_parties(self, parties: Iterable[Party]) -> None:
        """Look at how the parties are spelled."""
        if any((party.country_code, party.party_id) != party.folded for party in parties):
            self.notice(Oddity.LOWER_CASE)

    def concluded(self, encoding: TokenEncoding) -> Iterator[Seen]:
        """Everything, with the encoding in which the token was taken, and what was not odd."""
        yield from self._seen
        yield Seen(Quirk.TOKEN, encoding, self.correlation_id)
        odd = {seen.quirk for seen in self._seen}
        for quirk in OF_HANDSHAKES:
            if quirk not in odd:
                yield Seen(quirk, QUIRKS[quirk].usual, self.correlation_id)
