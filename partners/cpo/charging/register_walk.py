"""Which of the registers that a charge point told can be believed, and what flowed between them. Pure.

A register only grows, and no faster than the connector can give. Where it does not:

| what is told                                                | what it is      | billed                |
|-------------------------------------------------------------|-----------------|-----------------------|
| some values out of line, then on as if nothing had been     | outliers        | as if nobody told it  |
| a value after which it falls back to what came before       | an outlier      | as if nobody told it  |
| lower from then on                                          | it was set anew | what it counts since  |
| higher from then on than the connector can give             | it jumped       | what it counts since  |
| the very last value out of line                             | nobody can tell | until the one before  |

Where two of these fit, the one that costs less is taken, and it is said.
So nothing that a meter made up is ever billed; where something may be missing, a doubt says so.

Source: 2.2.1, CDRs, `total_energy`; calibration law wants an error to be in the driver's favour.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

SECONDS_PER_HOUR: Final = Decimal(3600)
#: A register may run ahead of what the connector can give by a fifth and half a kilowatt-hour.
TOLERANCE: Final = Decimal("1.2")
SLACK_WH: Final = Decimal(500)
#: By so much a register may tremble.
NOISE_WH: Final = Decimal(10)


class Doubt(StrEnum):
    """Why a session may have used more than is billed; the value is for the CDR's remark."""

    RESET = "register reset"
    JUMPED = "register jumped"
    UNSURE = "register out of line, or reset"
    START = "estimated: the register at the start was never told"
    END = "estimated: the register at the end cannot be right"


class Register(NamedTuple):
    """Where the meter stood, Wh."""

    at: datetime
    wh: Decimal


class Walked(NamedTuple):
    """What the registers come to."""

    #: Wh since the first one, at each register that was believed; the first is 0.
    used: tuple[Register, ...]
    doubts: frozenset[Doubt]


def walked(registers: Sequence[Register], max_power: Decimal | None, *, is_over: bool) -> Walked:
    """What flowed by these registers.

    Args:
        registers: In order of time, at least one.
        max_power: The most that the connector can give, W; None: not known.
        is_over: The last one is the last word.
    """
    walk = _Walk(registers, max_power)
    walk.go()
    doubts = set(walk.doubts)
    if is_over and walk.believed[-1].at != registers[-1].at:
        doubts.add(Doubt.END)
    return Walked(tuple(walk.used), frozenset(doubts))


class _Walk:
    def __init__(self, registers: Sequence[Register], max_power: Decimal | None) -> None:
        self._registers = registers
        self._max_power = max_power
        self.believed = [registers[0]]
        self.used = [Register(registers[0].at, Decimal(0))]
        self.doubts: list[Doubt] = []

    def go(self) -> None:
        place = 1
        while place < len(self._registers):
            register = self._registers[place]
            if self._follows(self.believed[-1], register):
                self._believe(register, register.wh - self.believed[-1].wh)
            elif self._was_outlier(register):
                if self.believed[-1].wh - register.wh > NOISE_WH:
                    self.doubts.append(Doubt.UNSURE)
                self.believed.pop()
                self.used.pop()
                continue
            else:
                end = self._end_of_chain(place) if self._is_off(place) else place + 1
                if self._is_excursion(place, end):
                    if self._is_doubtful(place, end):
                        self.doubts.append(Doubt.UNSURE)
                    place = end
                    continue
                self._break(register)
            place += 1

    def _believe(self, register: Register, flowed: Decimal) -> None:
        self.believed.append(register)
        self.used.append(Register(register.at, self.used[-1].wh + flowed))

    def _break(self, register: Register) -> None:
        """It counts from another value on; what flowed just then nobody knows."""
        self.doubts.append(Doubt.RESET if register.wh < self.believed[-1].wh else Doubt.JUMPED)
        self._believe(register, Decimal(0))

    def _follows(self, before: Register, after: Register) -> bool:
        flowed = after.wh - before.wh
        return flowed >= 0 and (self._max_power is None or flowed <= self._possible(before, after))

    def _possible(self, before: Register, after: Register) -> Decimal:
        seconds = Decimal((after.at - before.at) // timedelta(seconds=1))
        return (self._max_power or Decimal(0)) * seconds / SECONDS_PER_HOUR * TOLERANCE + SLACK_WH

    def _was_outlier(self, register: Register) -> bool:
        """Whether the one before was out of line: it was too high, and this one fits what came before it."""
        has_two = len(self.believed) > 1
        return has_two and register.wh < self.believed[-1].wh and self._follows(self.believed[-2], register)

    def _is_off(self, place: int) -> bool:
        """Whether it does not go on at once as if this one had not been."""
        is_last = place + 1 == len(self._registers)
        return is_last or not self._follows(self.believed[-1], self._registers[place + 1])

    def _is_doubtful(self, place: int, end: int) -> bool:
        """Whether what comes after outliers could as well go on from them, or is a single value itself."""
        if end == len(self._registers):
            return False
        is_last = end == len(self._registers) - 1
        return (is_last and end - place > 1) or self._follows(self._registers[end - 1], self._registers[end])

    def _end_of_chain(self, place: int) -> int:
        """Where those end that follow each other from here on."""
        end = place + 1
        while end < len(self._registers) and self._follows(self._registers[end - 1], self._registers[end]):
            end += 1
        return end

    def _is_excursion(self, place: int, end: int) -> bool:
        """Whether these are outliers: it goes on from before them, or nothing confirms a single one."""
        if end - place == 1:
            return True
        return end < len(self._registers) and self._follows(self.believed[-1], self._registers[end])
