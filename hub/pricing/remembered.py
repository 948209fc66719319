"""Price lists of the tariffs that came last: one that comes with CDR after CDR is understood once."""

from threading import Lock
from typing import Final

from hub.pricing.tariff import PriceList, price_list
from schemas.v2_2_1.tariffs import Tariff

#: So many tariffs, of so many bytes each at most: what is remembered stays below 20 MB whatever comes.
_MOST: Final = 256
_LONGEST: Final = 8 * 1024


class PriceLists:
    """Remembers price lists by all that their tariffs say; the oldest is forgotten first."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._known: dict[tuple[Tariff, str], PriceList] = {}
        self._one_thread = Lock()

    def __len__(self) -> int:
        return len(self._known)

    def of(self, tariff: Tariff, pointer: str) -> PriceList:
        """The tariff as a price list.

        Args:
            tariff: As it came.
            pointer: Where it stands, for errors.

        Raises:
            CannotBePriced: As for `price_list`; what was refused is not remembered.
        """
        known = self._known.get((tariff, pointer))
        if known is None:
            known = price_list(tariff, pointer)
            if len(tariff.to_json()) <= _LONGEST:
                self._remember((tariff, pointer), known)
        return known

    def _remember(self, key: tuple[Tariff, str], known: PriceList) -> None:
        with self._one_thread:
            self._known[key] = known
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]
