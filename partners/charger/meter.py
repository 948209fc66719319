"""The meter of a connector as the world sees it: what it shows may be wrong, and it may sign it.

The energy itself is never wrong (`Connector.register_wh`): a glitch changes only what is told.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from partners.charger.connector import Reading
from partners.charger.ocmf import Kind, SignedReading, Signer, record
from partners.charger.states import Context, EnergyUnit


class Glitch(StrEnum):
    """What a meter can get wrong; the first three for some samples, the others until it is mended."""

    #: The register is shown below nothing.
    NEGATIVE = "negative"
    #: The register is shown too high by so much.
    JUMP = "jump"
    #: The register begins again at zero, as if the meter had been changed.
    RESET = "reset"
    #: The value at the end is not told; 1.6, which must tell one, says 0.
    NO_END = "no-end"
    #: kWh and Wh by turns.
    MIXED_UNITS = "mixed-units"
    #: Samples count from the start of the transaction; start and stop are those of the register.
    SESSION_RELATIVE = "session-relative"
    #: A register for each phase, and none for all.
    PHASES_ONLY = "phases-only"
    #: The energy is told as exported.
    EXPORT_ONLY = "export-only"


class Shown(NamedTuple):
    """A reading as it is told."""

    reading: Reading
    context: Context
    #: None: not told.
    register_wh: int | None
    unit: EnergyUnit = EnergyUnit.WH
    is_by_phase: bool = False
    is_exported: bool = False
    #: An OCMF record that says it, or nothing.
    signed: str | None = None


@dataclass(slots=True)
class Meter:
    """Of one connector.

    Attributes:
        unit: In which it tells energies.
        signer: Signs the readings at the begin and the end of transactions; None: it cannot.
    """

    unit: EnergyUnit = EnergyUnit.WH
    signer: Signer | None = None
    _glitches: dict[Glitch, int] = field(default_factory=dict)
    _passing: list[tuple[Glitch, int]] = field(default_factory=list)
    _offset_wh: int = 0
    _readings_told: int = 0
    _pages: int = 0
    _begin: SignedReading | None = None

    def go_wrong(self, glitch: Glitch, *, wh: int = 0, samples: int = 1, register_wh: int = 0) -> None:
        """Have a glitch from the next reading on.

        Args:
            glitch: Which one.
            wh: By how much the register jumps.
            samples: How many samples are negative, or jump.
            register_wh: What it shows at present, for a register that begins again.
        """
        if glitch is Glitch.RESET:
            self._offset_wh = -register_wh
        elif glitch in {Glitch.NEGATIVE, Glitch.JUMP}:
            self._passing += [(glitch, wh)] * samples
        else:
            self._glitches[glitch] = wh

    def mend(self) -> None:
        """Be right again; a register that began again at zero goes on from there."""
        self._glitches.clear()
        self._passing.clear()

    def shown(self, reading: Reading, context: Context, begin_wh: int | None = None) -> Shown:
        """What the meter says of a reading; `begin_wh` was its register when the transaction began."""
        self._readings_told += 1
        return Shown(
            reading,
            context,
            self._register(reading.register_wh, context, begin_wh),
            self._unit(),
            Glitch.PHASES_ONLY in self._glitches,
            Glitch.EXPORT_ONLY in self._glitches,
        )

    def register_wh(self, register_wh: int) -> int:
        """The register as it stands there, at start and stop."""
        return register_wh + self._offset_wh

    def signed_begin(self, shown: Shown, at: datetime) -> Shown:
        """The first reading of a transaction, signed if the meter can."""
        if self.signer is None or shown.register_wh is None:
            return shown
        self._begin = SignedReading(at, Kind.BEGIN, _kwh(shown.register_wh))
        return shown._replace(signed=self._sign(self.signer, [self._begin], None))

    def signed_end(self, shown: Shown, at: datetime, token: str | None) -> Shown:
        """The last reading of a transaction, signed with the first one in one record."""
        if self.signer is None or shown.register_wh is None:
            return shown
        begin, self._begin = self._begin, None
        end = SignedReading(at, Kind.END, _kwh(shown.register_wh))
        readings = [end] if begin is None else [begin, end]
        return shown._replace(signed=self._sign(self.signer, readings, token))

    def _sign(self, signer: Signer, readings: list[SignedReading], token: str | None) -> str:
        self._pages += 1
        return record(signer, readings, page=self._pages, token=token)

    def _register(self, register_wh: int, context: Context, begin_wh: int | None) -> int | None:
        if context is Context.END and Glitch.NO_END in self._glitches:
            return None
        value = self.register_wh(register_wh)
        if Glitch.SESSION_RELATIVE in self._glitches and begin_wh is not None:
            value = register_wh - begin_wh
        if context is Context.PERIODIC and self._passing:
            glitch, wh = self._passing.pop(0)
            return -value if glitch is Glitch.NEGATIVE else value + wh
        return value

    def _unit(self) -> EnergyUnit:
        if Glitch.MIXED_UNITS in self._glitches:
            return EnergyUnit.KWH if self._readings_told % 2 else EnergyUnit.WH
        return self.unit


def _kwh(register_wh: int) -> Decimal:
    return Decimal(register_wh).scaleb(-3)
