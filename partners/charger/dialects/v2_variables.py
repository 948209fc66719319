"""The device model of 2.x, as far as this charger has one: variables of components over `Configuration`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from partners.charger.configuration import Configuration, is_password, is_read_only
from partners.charger.states import Outcome


class Variable(NamedTuple):
    """A variable, and the key under which its value is kept."""

    component: str
    name: str
    key: str
    data_type: str
    unit: str | None = None


VARIABLES = (
    Variable("AlignedDataCtrlr", "Interval", "ClockAlignedDataInterval", "integer", "s"),
    Variable("AlignedDataCtrlr", "Measurands", "MeterValuesAlignedData", "MemberList"),
    Variable("AuthCtrlr", "AuthorizeRemoteStart", "AuthorizeRemoteTxRequests", "boolean"),
    Variable("AuthCtrlr", "LocalAuthorizeOffline", "LocalAuthorizeOffline", "boolean"),
    Variable("AuthCtrlr", "LocalPreAuthorize", "LocalPreAuthorize", "boolean"),
    Variable("AuthCtrlr", "OfflineTxForUnknownIdEnabled", "AllowOfflineTxForUnknownId", "boolean"),
    Variable("LocalAuthListCtrlr", "ItemsPerMessage", "SendLocalListMaxLength", "integer"),
    Variable("LocalAuthListCtrlr", "Entries", "LocalAuthListMaxLength", "integer"),
    Variable("OCPPCommCtrlr", "HeartbeatInterval", "HeartbeatInterval", "integer", "s"),
    Variable("OCPPCommCtrlr", "MessageAttempts", "TransactionMessageAttempts", "integer"),
    Variable("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionMessageRetryInterval", "integer", "s"),
    Variable("OCPPCommCtrlr", "WebSocketPingInterval", "WebSocketPingInterval", "integer", "s"),
    Variable("ReservationCtrlr", "NonEvseSpecific", "ReserveConnectorZeroSupported", "boolean"),
    Variable("SampledDataCtrlr", "TxEndedMeasurands", "TxEndedMeasurands", "MemberList"),
    Variable("SampledDataCtrlr", "TxStartedMeasurands", "TxStartedMeasurands", "MemberList"),
    Variable("SampledDataCtrlr", "TxUpdatedInterval", "MeterValueSampleInterval", "integer", "s"),
    Variable("SampledDataCtrlr", "TxUpdatedMeasurands", "MeterValuesSampledData", "MemberList"),
    Variable("SecurityCtrlr", "BasicAuthPassword", "BasicAuthPassword", "string"),
    Variable("SecurityCtrlr", "OrganizationName", "CpoName", "string"),
    Variable("SmartChargingCtrlr", "ProfileStackLevel", "ChargeProfileMaxStackLevel", "integer"),
    Variable("SmartChargingCtrlr", "PeriodsPerSchedule", "ChargingScheduleMaxPeriods", "integer"),
    Variable("TxCtrlr", "EVConnectionTimeOut", "ConnectionTimeOut", "integer", "s"),
    Variable("TxCtrlr", "StopTxOnEVSideDisconnect", "StopTransactionOnEVSideDisconnect", "boolean"),
    Variable("TxCtrlr", "StopTxOnInvalidId", "StopTransactionOnInvalidId", "boolean"),
    Variable("TxCtrlr", "TxStartPoint", "TxStartPoint", "MemberList"),
    Variable("TxCtrlr", "TxStopPoint", "TxStopPoint", "MemberList"),
)

#: Some names stand for a message, which is an instance: `MessageAttempts` of `TransactionEvent`.
_INSTANCES = {"MessageAttempts": "TransactionEvent", "MessageAttemptInterval": "TransactionEvent"}


def read(configuration: Configuration, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """One result of GetVariables."""
    result = _named(wanted)
    found = _found(wanted)
    if not isinstance(found, Variable):
        return result | {"attributeStatus": found}
    if wanted.get("attributeType", "Actual") != "Actual":
        return result | {"attributeStatus": "NotSupportedAttributeType"}
    if is_password(found.key):
        return result | {"attributeStatus": "Rejected"}
    return result | {"attributeStatus": "Accepted", "attributeValue": configuration.values[found.key]}


def change(configuration: Configuration, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """One result of SetVariables."""
    result = _named(wanted)
    found = _found(wanted)
    if not isinstance(found, Variable):
        return result | {"attributeStatus": found}
    if wanted.get("attributeType", "Actual") != "Actual":
        return result | {"attributeStatus": "NotSupportedAttributeType"}
    outcome = configuration.change(found.key, wanted["attributeValue"])
    is_taken = outcome in {Outcome.ACCEPTED, Outcome.REBOOT_REQUIRED}
    return result | {"attributeStatus": outcome.value if is_taken else "Rejected"}


def report(configuration: Configuration) -> list[dict[str, Any]]:
    """All variables, as NotifyReport has them."""
    return [_reported(each, configuration.values.get(each.key)) for each in VARIABLES]


def rejected(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """One result of a SetVariables or GetVariables that nobody cares for."""
    return _named(wanted) | {"attributeStatus": "Rejected"}


def _found(wanted: Mapping[str, Any]) -> Variable | str:
    component, name = wanted["component"]["name"], wanted["variable"]["name"]
    of_component = [each for each in VARIABLES if each.component == component]
    if not of_component:
        return "UnknownComponent"
    instance = wanted["variable"].get("instance")
    return next(
        (each for each in of_component if each.name == name and _INSTANCES.get(name) == instance),
        "UnknownVariable",
    )


def _named(wanted: Mapping[str, Any]) -> dict[str, Any]:
    named = {"component": wanted["component"], "variable": wanted["variable"]}
    return named | {key: wanted[key] for key in ("attributeType",) if key in wanted}


def _reported(variable: Variable, value: str | None) -> dict[str, Any]:
    mutability = "ReadOnly" if is_read_only(variable.key) else "ReadWrite"
    attribute = {"type": "Actual", "mutability": "WriteOnly" if value is None else mutability}
    if value is not None:
        attribute["value"] = value
    characteristics: dict[str, Any] = {"dataType": variable.data_type, "supportsMonitoring": False}
    if variable.unit is not None:
        characteristics["unit"] = variable.unit
    named = {"name": variable.name}
    if variable.name in _INSTANCES:
        named["instance"] = _INSTANCES[variable.name]
    return {
        "component": {"name": variable.component},
        "variable": named,
        "variableAttribute": [attribute],
        "variableCharacteristics": characteristics,
    }
