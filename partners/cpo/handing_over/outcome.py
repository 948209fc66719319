"""What an answer means for something that is owed: taken, refused for good, or to be tried again."""

import re
from typing import Final

from hub.ocpi.client import Answer

_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_CONFLICT: Final = 409
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_CLIENT_ERRORS: Final = range(2000, 3000)

#: OCPI has no code for it, so receivers say it in words.
_THERE_ALREADY: Final = re.compile(
    r"already\s+(exists|known|stored|present|received)|duplicate", re.IGNORECASE
)


class Unreachable(Exception):
    """The addressee cannot take it now; what is owed stays owed.

    Attributes:
        is_hub_away: It is the hub itself that cannot be reached, and with it everybody.
    """

    def __init__(self, reason: str, *, is_hub_away: bool = False) -> None:
        super().__init__(reason)
        self.is_hub_away = is_hub_away


class Refused(Exception):
    """The addressee does not want it as it is, and will not want it later."""


def taken(answer: Answer) -> None:
    """Return if the addressee took what was sent.

    Errors of the server (3xxx), of the hub on the way (4xxx), and answers that are no OCPI at all pass; what
    the addressee finds wrong with the message (2xxx) does not.

    Raises:
        Refused: It did not take it.
        Unreachable: It could not be asked.
    """
    if answer.is_success:
        return
    refusal = answer.refusal()
    if answer.envelope is None:
        raise Unreachable(str(refusal), is_hub_away=True)
    passing = {_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY}
    if (
        refusal.status_code not in _CLIENT_ERRORS
        or refusal.status in passing
        or refusal.status >= _SERVER_ERROR
    ):
        raise Unreachable(str(refusal))
    raise Refused(str(refusal))


def is_there_already(answer: Answer) -> bool:
    """Whether the addressee refuses since it has the object (CDR-19, AM-48)."""
    message = answer.envelope.status_message if answer.envelope else None
    return answer.reply.status == _CONFLICT or bool(_THERE_ALREADY.search(message or ""))
