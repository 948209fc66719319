"""The few OCPP 1.6 configuration keys that this charge point knows."""

from dataclasses import dataclass
from datetime import timedelta

from ocpp.v16.datatypes import KeyValue
from ocpp.v16.enums import ConfigurationStatus

from partners.charger.smart_charging import MAX_PERIODS, MAX_STACK_LEVEL

_READ_ONLY = frozenset(
    {
        "ChargeProfileMaxStackLevel",
        "ChargingScheduleAllowedChargingRateUnit",
        "ChargingScheduleMaxPeriods",
        "NumberOfConnectors",
        "ReserveConnectorZeroSupported",
        "SupportedFeatureProfiles",
    }
)
_NUMBERS = frozenset(
    {"HeartbeatInterval", "MeterValueSampleInterval", "ConnectionTimeOut", "TransactionMessageAttempts"}
)
_TRUTHS = frozenset({"AuthorizeRemoteTxRequests", "AllowOfflineTxForUnknownId", "StopTransactionOnInvalidId"})


@dataclass(slots=True)
class Configuration:
    """Keys and their values, as texts, as OCPP has them."""

    values: dict[str, str]

    @classmethod
    def standard(cls, connectors: int) -> "Configuration":
        """What a new charge point has."""
        return cls(
            {
                "AllowOfflineTxForUnknownId": "true",
                "AuthorizeRemoteTxRequests": "false",
                "ChargeProfileMaxStackLevel": str(MAX_STACK_LEVEL),
                "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
                "ChargingScheduleMaxPeriods": str(MAX_PERIODS),
                "ConnectionTimeOut": "90",
                "HeartbeatInterval": "300",
                "MeterValueSampleInterval": "60",
                "NumberOfConnectors": str(connectors),
                "ReserveConnectorZeroSupported": "true",
                "StopTransactionOnInvalidId": "true",
                "SupportedFeatureProfiles": "Core,RemoteTrigger,Reservation,SmartCharging",
                "TransactionMessageAttempts": "10",
            }
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

    def read(self, keys: list[str] | None) -> tuple[list[KeyValue], list[str]]:
        """The keys asked for (all, if none is named), and those among them that do not exist."""
        wanted = keys or sorted(self.values)
        known = [KeyValue(key, key in _READ_ONLY, self.values[key]) for key in wanted if key in self.values]
        return known, [key for key in wanted if key not in self.values]

    def change(self, key: str, value: str) -> ConfigurationStatus:
        """Take a new value, if the key exists, may be changed, and the value makes sense."""
        if key not in self.values:
            return ConfigurationStatus.not_supported
        text = value.strip().lower()
        is_number = key in _NUMBERS and text.isascii() and text.isdigit()
        is_truth = key in _TRUTHS and text in {"true", "false"}
        if not (is_number or is_truth):
            return ConfigurationStatus.rejected
        self.values[key] = text
        return ConfigurationStatus.accepted
