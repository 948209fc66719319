"""Whether a platform understands PATCH, as its answers to deliveries say (TR-23; decision 0026)."""

from hub.delivery.sending import Attempt
from hub.delivery.verdict import Verdict
from hub.directory.quirks import NO, Quirk, Seen

#: Method Not Allowed, Not Implemented: these say it.
SAYS_SO = frozenset({405, 501})
NOT_FOUND = 404
#: After so many in a row a platform that takes the whole object each time is believed not to take a part.
SUSPICIOUS = 3


class Patches:
    """What one platform made of the PATCHes that it was sent."""

    def __init__(self) -> None:
        self._failed = 0

    def taken(self, attempt: Attempt) -> None:
        """A PATCH was not answered by a wish for the whole object."""
        if attempt.verdict is Verdict.DELIVERED:
            self._failed = 0

    def failed(self, part: Attempt, whole: Attempt) -> Seen | None:
        """A PATCH failed, and the whole object was sent; what that shows, if it shows anything."""
        if part.letter.method != "PATCH":
            return None
        seen = Seen(Quirk.PATCH, NO, part.change.correlation_id)
        if part.http_status in SAYS_SO:
            return seen
        if _says_that_it_lacks_the_object(part) or whole.verdict is not Verdict.DELIVERED:
            return None
        self._failed += 1
        return seen if self._failed >= SUSPICIOUS else None


def _says_that_it_lacks_the_object(part: Attempt) -> bool:
    """Whether the platform says in OCPI's words what it lacks; then a PATCH is nothing new to it."""
    return part.status_code in {2003, 2004} or (
        part.http_status == NOT_FOUND and part.status_code is not None
    )
