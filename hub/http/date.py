"""The Date header of answers, made once a second (RFC 9110, 6.6.1)."""

import time
from email.utils import formatdate


class _Newest:
    told: tuple[int, str] = (0, "")


def http_date() -> str:
    """The present second."""
    second = int(time.time())
    if _Newest.told[0] != second:
        _Newest.told = second, formatdate(second, usegmt=True)
    return _Newest.told[1]
