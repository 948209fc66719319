"""In what single chargers differ, as their operator writes it: the tables `[[chargers]]`.

    [[chargers]]
    id = "CP001"                     # as its EVSEs name it, charge_point
    time_zone = "Europe/Amsterdam"   # of times that come without one; else UTC
    reversed_uids = true             # its reader tells the bytes of a card's uid in reverse
    rfid = "ISO15693"                # what a card is called there (2.x); else ISO14443

Whether a reader reverses uids cannot be guessed: both ways may be the uid of somebody's card. Where it is so
everything that looks like a uid is reversed on its way in and out, so that what the charger was told (in a
list, with a command) comes back as it was.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from partners.configuration_file import FLAG, TEXT, Kind, Setting, Wrong, table_settings
from partners.cpo.configuration import Configuration

_UID: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_CARDS: Final = ("ISO14443", "ISO15693")


@dataclass(frozen=True, slots=True)
class Quirks:
    """In what one charger differs."""

    #: Of times that come without one. Of the hour that is there twice the first is meant.
    time_zone: tzinfo = UTC
    #: Uids of cards are told in reverse.
    reversed_uids: bool = False
    #: The type of a card, in OCPP 2.x's words.
    rfid: str = "ISO14443"

    def uid(self, told: str) -> str:
        """The uid as everybody else knows it, or as this charger does: it is the same step."""
        if not self.reversed_uids or not _UID.fullmatch(told):
            return told
        return "".join(told[place : place + 2] for place in range(len(told) - 2, -1, -2))


USUAL: Final = Quirks()


def quirks(told: Mapping[str, Any], configured: Configuration, wrong: list[Wrong]) -> dict[str, Quirks]:
    """The tables `[[chargers]]`, by charge point; what is wrong with them is added to `wrong`."""
    tables = told.get("chargers", [])
    if not isinstance(tables, list):
        wrong.append(Wrong("chargers", "expected tables [[chargers]]"))
        return {}
    found: dict[str, Quirks] = {}
    for number, table in enumerate(tables):
        key = f"chargers[{number}]"
        values = table_settings({key: table}, key, _KEYS, wrong)
        charge_point = values.pop("charge_point", None)
        if charge_point in found:
            wrong.append(Wrong(f"{key}.id", f"{charge_point!r} is told twice"))
        elif charge_point is not None and charge_point not in configured.charge_points:
            wrong.append(Wrong(f"{key}.id", f"no EVSE names a charge point {charge_point!r}"))
        elif charge_point is not None:
            found[charge_point] = Quirks(**values)
    return found


def _zone(value: Any) -> ZoneInfo | None:
    try:
        return ZoneInfo(value) if isinstance(value, str) and value else None
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return None


def _card(value: Any) -> str | None:
    return value if value in _CARDS else None


_KEYS: Final = {
    "id": Setting("charge_point", TEXT, is_required=True),
    "time_zone": Setting("time_zone", Kind(_zone, "an IANA time zone such as Europe/Amsterdam")),
    "reversed_uids": Setting("reversed_uids", FLAG),
    "rfid": Setting("rfid", Kind(_card, f"one of {', '.join(_CARDS)}")),
}
