"""Currents on the three phases of a site, and which of them a connector is wired to. Pure."""

from collections.abc import Iterable
from decimal import ROUND_DOWN, Decimal
from typing import Final, NamedTuple

#: Between line and neutral.
VOLTAGE: Final = Decimal(230)
NOTHING: Final = Decimal(0)
#: Charging profiles have one decimal.
TENTH: Final = Decimal("0.1")
#: The phases of the site, in the letters in which OCPP 1.6 has its ConnectorPhaseRotation.
LETTERS: Final = "RST"

#: Which phases of the site a connector is wired to, 0 to 2, in the order of its own L1, L2, L3.
Wires = tuple[int, ...]
ALL: Final[Wires] = (0, 1, 2)


class Load(NamedTuple):
    """A on each phase, and the sum of the three: what flows, or what may flow."""

    l1: Decimal = NOTHING
    l2: Decimal = NOTHING
    l3: Decimal = NOTHING
    #: Where this is a limit it may be lower than the three come to.
    total: Decimal = NOTHING

    @classmethod
    def of(cls, amperes: Decimal, wires: Wires) -> "Load":
        """The same current on each of these phases."""
        a, b, c = (amperes if phase in wires else NOTHING for phase in ALL)
        return cls(a, b, c, amperes * len(wires))

    @classmethod
    def of_phases(cls, phases: Iterable[Decimal]) -> "Load":
        """These currents."""
        a, b, c = phases
        return cls(a, b, c, a + b + c)

    @classmethod
    def of_watt(cls, watt: Decimal) -> "Load":
        """A power, in equal parts on the three phases."""
        return cls.of(watt / (3 * VOLTAGE), ALL)

    @property
    def phases(self) -> tuple[Decimal, Decimal, Decimal]:
        """On each phase."""
        return self.l1, self.l2, self.l3

    @property
    def watt(self) -> Decimal:
        """As a power."""
        return self.total * VOLTAGE

    def plus(self, other: "Load") -> "Load":
        """Both together."""
        return Load(self.l1 + other.l1, self.l2 + other.l2, self.l3 + other.l3, self.total + other.total)

    def minus(self, other: "Load") -> "Load":
        """What is left; below nothing where there is not enough."""
        return Load(self.l1 - other.l1, self.l2 - other.l2, self.l3 - other.l3, self.total - other.total)

    def lower(self, other: "Load") -> "Load":
        """The lower of both, each by itself."""
        return Load(*map(min, self, other))

    def upper(self, other: "Load") -> "Load":
        """The higher of both, each by itself."""
        return Load(*map(max, self, other))

    def fits(self, room: "Load") -> bool:
        """Whether there is room for it."""
        return self.l1 <= room.l1 and self.l2 <= room.l2 and self.l3 <= room.l3 and self.total <= room.total

    def room_on(self, wires: Wires) -> Decimal:
        """As a limit: the current that can flow on each of these phases at once, below nothing if none."""
        return min(self.total / len(wires), *(self[phase] for phase in wires))

    def rounded_down(self) -> "Load":
        """In tenths of an ampere."""
        return Load(*(each.quantize(TENTH, ROUND_DOWN) for each in self))


def summed(loads: Iterable[Load]) -> Load:
    """All together."""
    whole = Load()
    for each in loads:
        whole = whole.plus(each)
    return whole


def wires_of(rotation: str) -> Wires | None:
    """The wires that a rotation such as RST, STR or (one phase) S stands for; None: it is no rotation."""
    letters = rotation.upper()
    is_known = letters and len(set(letters)) == len(letters) and set(letters) <= set(LETTERS)
    return tuple(LETTERS.index(letter) for letter in letters) if is_known else None
