"""What an answer means for a delivery: pure (design D3; RT-40, RT-41).

| answer | verdict |
|---|---|
| success (1xxx) | delivered |
| DELETE: 404 | delivered: it is gone |
| PATCH, or PUT of a part: 404, 405, 2003 or 2004 | lacks the object: send it whole |
| PATCH: 501, or 2000 or 3000 with HTTP 200 | perhaps knows no PATCH: the same |
| 2xxx, or another 4xx | refused: not repeated |
| 5xx, 3xxx, 4xxx, a redirect, no envelope, a broken answer | faulty: again, but not for ever |
| no connection | not reached: again, for as long as it takes |
| no answer in time, a URL that may not be called, 401, 408, 429, 502 to 504 | not answered: the same |

What is not answered says nothing about the change. 401: the platform does not know our token, perhaps because
a new one is just being agreed upon. 408 and 429 ask to come again. 502 to 504 come from the gate of a
platform that is away.
"""

from enum import StrEnum

from hub.ocpi.client import Answer
from hub.ocpi.transport import BrokenAnswer, CallFailed, NotReached

NOT_FOUND = 404
METHOD_NOT_ALLOWED = 405
NOT_IMPLEMENTED = 501
#: Unauthorized, Request Timeout, Too Many Requests, Bad Gateway, Service Unavailable, Gateway Timeout.
COME_AGAIN = frozenset({401, 408, 429, 502, 503, 504})
UNKNOWN_LOCATION = 2003
UNKNOWN_TOKEN_OBJECT = 2004
#: That something is wrong, and not what.
GENERIC = frozenset({2000, 3000})
CLIENT_ERRORS = range(2000, 3000)
HTTP_CLIENT_ERRORS = range(400, 500)


class Verdict(StrEnum):
    """How a delivery ended."""

    DELIVERED = "delivered"
    LACKS_OBJECT = "lacks object"
    REFUSED = "refused"
    FAULTY = "faulty"
    NOT_REACHED = "not reached"
    NOT_ANSWERED = "not answered"


def verdict(method: str, answer: Answer, *, is_partial: bool) -> Verdict:
    """What the answer to a delivery means."""
    status = answer.reply.status
    code = None if answer.envelope is None else answer.envelope.status_code
    if answer.is_success or (method == "DELETE" and status == NOT_FOUND):
        return Verdict.DELIVERED
    if status in COME_AGAIN:
        return Verdict.NOT_ANSWERED
    if is_partial and (_lacks_object(status, code) or (method == "PATCH" and _knows_no_patch(status, code))):
        return Verdict.LACKS_OBJECT
    if status in HTTP_CLIENT_ERRORS or (code in CLIENT_ERRORS and status < HTTP_CLIENT_ERRORS.stop):
        return Verdict.REFUSED
    return Verdict.FAULTY


def verdict_on_failure(failure: CallFailed) -> Verdict:
    """What it means that there is no answer."""
    match failure:
        case NotReached():
            return Verdict.NOT_REACHED
        case BrokenAnswer():
            return Verdict.FAULTY
        case _:
            return Verdict.NOT_ANSWERED


def _knows_no_patch(status: int, code: int | None) -> bool:
    """Whether the platform may have refused the method and not what it says (decision 0026)."""
    return status == NOT_IMPLEMENTED or (status < HTTP_CLIENT_ERRORS.start and code in GENERIC)


def _lacks_object(status: int, code: int | None) -> bool:
    return status in {NOT_FOUND, METHOD_NOT_ALLOWED} or code in {UNKNOWN_LOCATION, UNKNOWN_TOKEN_OBJECT}
