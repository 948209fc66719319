"""Requests to functional modules go straight to their handlers: nearly all requests are such.

aiohttp's router would try one pattern after the other, and wrap the handler anew each time. What is not quite
plain, such as a path with percent-encoding, it shall judge as ever; and a request with an Expect.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from hub.http.protocol import Straight
from hub.ocpi.modules import VERSION
from hub.web.edge import Handler

#: Printable, without percent-encoding in the path, and without a fragment.
_TARGET: Final = re.compile(
    rf"/ocpi/{re.escape(VERSION)}/([a-z]+/[a-z]+)(?:/[!-\"$&->@-~]*)?(?:\?[!-\"$-~]*)?"
)


def going_straight(
    handlers: Mapping[str, Handler], *middlewares: Callable[..., object]
) -> Callable[[str], Straight | None]:
    """What knows by the target of a request what answers it; None where the routes decide.

    Args:
        handlers: By interface and module, as they stand in a path.
        middlewares: What stands around each of them, the outermost first.
    """
    answered: dict[str, Straight] = {}
    for path, each in handlers.items():
        handler = each
        for middleware in reversed(middlewares):
            handler = partial(middleware, handler=handler)
        answered[path] = handler

    def straight(target: str) -> Straight | None:
        match = _TARGET.fullmatch(target)
        return None if match is None else answered.get(match[1])

    return straight
