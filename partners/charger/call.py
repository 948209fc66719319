"""Something that one side wants to know or wants done."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Call(NamedTuple):
    """An action of OCPP and its payload, as its version spells them."""

    action: str
    payload: Mapping[str, Any]
