"""What must not get lost: objects that are pushed between all the rest, and where they have to arrive."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from hub.ocpi.timestamps import format_timestamp
from schemas import exact_json
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, TARIFF, TOKEN
from tests.fuzz.messages import Attack
from tests.fuzz.mutations import ODD_TEXTS

START = datetime(2026, 3, 1, tzinfo=UTC)
#: So few ids that each is written again and again.
IDS = 5
#: Who pushes what, where, and the field with its id.
KINDS: tuple[tuple[str, str, str, dict[str, Any], str], ...] = (
    ("cpo", CPO, "locations", LOCATION, "id"),
    ("cpo", CPO, "tariffs", TARIFF, "id"),
    ("emsp", EMSP, "tokens", TOKEN, "uid"),
)


@dataclass(slots=True)
class Records:
    """The newest accepted state of each object, by who receives it and the path."""

    #: (module, path) to the body that was accepted last.
    accepted: dict[tuple[str, str], bytes] = field(default_factory=dict)
    refused: set[bytes] = field(default_factory=set)
    _moments: Any = field(default_factory=count)

    def next(self, chance: Random) -> Attack:
        """The next push: right, or wrong in a way that the hub has to name."""
        who, party, module, value, id_field = chance.choice(KINDS)
        object_id = f"KEEP{chance.randrange(IDS)}"
        moment = format_timestamp(START + timedelta(seconds=next(self._moments)))
        made = {**value, id_field: object_id, "last_updated": moment, "x_odd": chance.choice(ODD_TEXTS[2:])}
        return Attack(
            who, "PUT", f"/receiver/{module}/{party}/{object_id}", exact_json.encode(made), HUB, party
        )

    def note(self, attack: Attack, *, is_accepted: bool) -> None:
        """Write down what became of a push."""
        module = attack.path.split("/")[2]
        if is_accepted:
            self.accepted[module, attack.path] = attack.body
        else:
            self.refused.add(attack.body)
