"""What can be set at a charge point from afar, under the names that 1.6 has for it.

2.x calls the same things variables of components: `dialects/v2_variables.py`.
"""

import asyncio
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple

from partners.charger.smart_charging import MAX_PERIODS, MAX_STACK_LEVEL
from partners.charger.states import Outcome, TxStart, TxStop

#: What a meter can measure here; see `MeterValuesSampledData`.
MEASURANDS = ("Energy.Active.Import.Register", "Power.Active.Import", "Current.Import", "SoC", "Voltage")
_USUAL = ",".join(MEASURANDS[:4])

_FEATURE_PROFILES = "Core,LocalAuthListManagement,RemoteTrigger,Reservation,SmartCharging"
_READ_ONLY = frozenset(
    {
        "ChargeProfileMaxStackLevel",
        "ChargingScheduleAllowedChargingRateUnit",
        "ChargingScheduleMaxPeriods",
        "LocalAuthListMaxLength",
        "NumberOfConnectors",
        "ReserveConnectorZeroSupported",
        "SendLocalListMaxLength",
        "SupportedFeatureProfiles",
    }
)
_NUMBERS = frozenset(
    {
        "ClockAlignedDataInterval",
        "ConnectionTimeOut",
        "HeartbeatInterval",
        "MeterValueSampleInterval",
        "TransactionMessageAttempts",
        "TransactionMessageRetryInterval",
        "WebSocketPingInterval",
    }
)
_TRUTHS = frozenset(
    {
        "AllowOfflineTxForUnknownId",
        "AuthorizeRemoteTxRequests",
        "LocalAuthorizeOffline",
        "LocalPreAuthorize",
        "StopTransactionOnEVSideDisconnect",
        "StopTransactionOnInvalidId",
    }
)
#: Whatever is told: the CPO's name, for requests for a certificate.
_TEXTS = frozenset({"CpoName"})
_LISTS = {
    "MeterValuesAlignedData": MEASURANDS,
    "MeterValuesSampledData": MEASURANDS,
    "StopTxnSampledData": MEASURANDS,
    "TxEndedMeasurands": MEASURANDS,
    "TxStartedMeasurands": MEASURANDS,
    "TxStartPoint": tuple(TxStart),
    "TxStopPoint": tuple(TxStop),
}
#: Lists that may be empty: nothing is told then.
_MAY_BE_EMPTY = frozenset(
    {"MeterValuesAlignedData", "StopTxnSampledData", "TxEndedMeasurands", "TxStartedMeasurands"}
)


def keys_of(version: str) -> dict[str, str]:
    """What only one version of OCPP has, and how it is at first."""
    if version == "1.6":
        return {"StopTxnSampledData": ""}
    return {
        "TxEndedMeasurands": _USUAL,
        "TxStartPoint": TxStart.POWER_PATH_CLOSED.value,
        "TxStartedMeasurands": _USUAL,
        "TxStopPoint": TxStop.AUTHORIZED.value,
    }


def _bytes(value: str) -> bytes | None:
    """What an AuthorizationKey stands for: 16 to 20 bytes, told in hexadecimal."""
    is_key = set(value) <= set(string.hexdigits) and len(value) in range(32, 41, 2)
    return bytes.fromhex(value) if is_key else None


def _text(value: str) -> bytes | None:
    """A BasicAuthPassword is what is sent, 16 to 40 characters."""
    return value.encode() if len(value) in range(16, 41) else None


#: How a password is set, which nobody can read: 1.6 with its security extension; 2.x.
_PASSWORDS: Final[Mapping[str, Callable[[str], bytes | None]]] = {
    "AuthorizationKey": _bytes,
    "BasicAuthPassword": _text,
}


class Key(NamedTuple):
    """A key as it is read."""

    key: str
    readonly: bool
    value: str


@dataclass(slots=True)
class Configuration:
    """Keys and their values, as texts, as OCPP has them."""

    values: dict[str, str]
    #: What it shows when it connects (basic authentication); None: nothing.
    password: bytes | None = None
    #: Keys whose new value counts when it boots, and those that it says so of and forgets.
    taken_at_boot: frozenset[str] = frozenset()
    lost_at_boot: frozenset[str] = frozenset()
    #: Set when a value has changed.
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: dict[str, str] = field(default_factory=dict)

    @classmethod
    def standard(cls, connectors: int, **more: str) -> "Configuration":
        """What a new charge point has, and whatever else is named."""
        return cls(
            {
                "AllowOfflineTxForUnknownId": "true",
                "AuthorizeRemoteTxRequests": "false",
                "ChargeProfileMaxStackLevel": str(MAX_STACK_LEVEL),
                "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
                "ChargingScheduleMaxPeriods": str(MAX_PERIODS),
                "ClockAlignedDataInterval": "0",
                "ConnectionTimeOut": "90",
                "CpoName": "",
                "HeartbeatInterval": "300",
                "LocalAuthListMaxLength": "1000",
                "LocalAuthorizeOffline": "true",
                "LocalPreAuthorize": "false",
                "MeterValueSampleInterval": "60",
                "MeterValuesAlignedData": _USUAL,
                "MeterValuesSampledData": _USUAL,
                "NumberOfConnectors": str(connectors),
                "ReserveConnectorZeroSupported": "true",
                "SendLocalListMaxLength": "100",
                "StopTransactionOnEVSideDisconnect": "true",
                "StopTransactionOnInvalidId": "true",
                "SupportedFeatureProfiles": _FEATURE_PROFILES,
                "TransactionMessageAttempts": "10",
                "TransactionMessageRetryInterval": "10",
                "WebSocketPingInterval": "30",
            }
            | more
        )

    def number(self, key: str) -> int:
        """The value of a key that is a number."""
        return int(self.values[key])

    def duration(self, key: str) -> timedelta:
        """The value of a key that is a number of seconds."""
        return timedelta(seconds=self.number(key))

    def truth(self, key: str) -> bool:
        """The value of a key that is true or false."""
        return self.values[key] == "true"

    def members(self, key: str) -> list[str]:
        """The value of a key that is a list; empty if there is no such key."""
        return [each for each in self.values.get(key, "").split(",") if each]

    def read(self, keys: list[str] | None) -> tuple[list[Key], list[str]]:
        """The keys asked for (all, if none is named), and those among them that do not exist."""
        wanted = keys or sorted(self.values)
        known = [Key(key, key in _READ_ONLY, self.values[key]) for key in wanted if key in self.values]
        return known, [key for key in wanted if key not in self.values]

    def change(self, key: str, value: str) -> Outcome:
        """Take a new value, perhaps at the next boot, if the key may be changed and the value makes sense."""
        if key not in self.taken_at_boot | self.lost_at_boot:
            return self.put(key, value)
        taken = _taken(key, value)
        if taken is None:
            return Outcome.REJECTED
        if taken == self.values[key]:
            return Outcome.ACCEPTED
        if key in self.taken_at_boot:
            self._waiting[key] = taken
        return Outcome.REBOOT_REQUIRED

    def put(self, key: str, value: str) -> Outcome:
        """Take a new value on the spot, as if somebody who stands there changed it."""
        if key in _PASSWORDS:
            return self._take_password(_PASSWORDS[key](value))
        if key not in self.values:
            return Outcome.NOT_SUPPORTED
        taken = _taken(key, value)
        if taken is None:
            return Outcome.REJECTED
        self.values[key] = taken
        self.changed.set()
        return Outcome.ACCEPTED

    def boot(self) -> None:
        """Take what was to be taken at the next boot."""
        self.values.update(self._waiting)
        self._waiting.clear()
        self.changed.set()

    def _take_password(self, password: bytes | None) -> Outcome:
        if password is None:
            return Outcome.REJECTED
        self.password = password
        return Outcome.ACCEPTED


def _taken(key: str, value: str) -> str | None:
    """How a value is kept; None: the key cannot have it."""
    text = value.strip()
    if key in _TRUTHS:
        return text.lower() if text.lower() in {"true", "false"} else None
    is_number = key in _NUMBERS and text.isascii() and text.isdigit()
    is_list = bool(text) and set(text.split(",")) <= set(_LISTS.get(key, ()))
    is_empty = not text and key in _MAY_BE_EMPTY
    return text if is_number or is_list or is_empty or key in _TEXTS else None


def is_password(key: str) -> bool:
    """Whether a key can be changed and not be read."""
    return key in _PASSWORDS


def is_read_only(key: str) -> bool:
    """Whether a key cannot be changed."""
    return key in _READ_ONLY
