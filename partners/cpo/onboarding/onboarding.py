"""Bring a charger that has booted into the state that its profile wants: read, set, read again.

    BootNotification -> Pending -> read all -> set what differs -> read again -> TriggerMessage
    BootNotification -> Accepted

It is done anew after each reboot: many chargers forget, or are set otherwise on site. What a charger answers
RebootRequired counts when it has booted, whatever it reads back before: see `reboots`.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from partners.cpo.onboarding.settings_profiles import SettingsProfile, variable_name
from partners.cpo.stations.questions import Question, Questions, Setting
from partners.cpo.stations.remote_outcome import RemoteOutcome
from partners.ocpp.link import Unanswered
from partners.ocpp.versions import Version

log = logging.getLogger(__name__)

#: Lists that some chargers take one by one only, or in part.
_LISTS: Final = frozenset(
    {
        "MeterValuesSampledData",
        "MeterValuesAlignedData",
        "StopTxnSampledData",
        "StopTxnAlignedData",
        "SampledDataCtrlr.TxStartedMeasurands",
        "SampledDataCtrlr.TxUpdatedMeasurands",
        "SampledDataCtrlr.TxEndedMeasurands",
    }
)
_AT_BOOT: Final = "RebootRequired"
_TAKEN: Final = frozenset({"Accepted", _AT_BOOT})


class Asked(Protocol):
    """The central system, as far as it is needed here."""

    def questions(self, charge_point: str) -> Questions:
        """The words in which a charger is asked."""

    def version(self, charge_point: str) -> Version | None:
        """What it speaks."""

    async def ask(self, charge_point: str, action: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a CALL."""

    async def setting(self, charge_point: str, setting: Setting) -> str | None:
        """The value of a setting."""

    async def change_setting(self, charge_point: str, setting: Setting, value: str) -> str:
        """Change it; the charger's word."""

    async def base_report(self, charge_point: str) -> list[Mapping[str, Any]]:
        """All that a station of 2.x has."""

    async def trigger(
        self, charge_point: str, message: str, connector_id: int | None = None
    ) -> RemoteOutcome:
        """Ask for a message."""


class Settled(NamedTuple):
    """How a charger is set."""

    #: What could not be set, in words; nothing if all is well.
    findings: tuple[str, ...] = ()
    #: Names of settings that it takes when it boots.
    at_boot: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Onboarding:
    """Sets one charger."""

    chargers: Asked

    async def settle(self, charge_point: str, profile: SettingsProfile) -> Settled:
        """Set everything, and read it again.

        Raises:
            Unanswered: The link was lost, or it answers nothing.
        """
        is_1_6 = self.chargers.version(charge_point) is Version.V1_6
        wanted = profile.wanted(is_1_6=is_1_6)
        found = await self._inventory(charge_point, is_1_6=is_1_6)
        at_boot: list[str] = []
        for setting, value in wanted:
            if _same(await self._value(charge_point, setting, found), value):
                continue
            if await self._set(charge_point, setting, value) == _AT_BOOT:
                at_boot.append(setting.key)
        findings = [
            f"{setting.key} is {'unknown' if now is None else repr(now)}, not {value!r}"
            for setting, value in wanted
            if setting.key not in at_boot
            and not _same(now := await self.chargers.setting(charge_point, setting), value)
        ]
        return Settled(tuple(findings), tuple(at_boot))

    async def _inventory(self, charge_point: str, *, is_1_6: bool) -> Mapping[str, str]:
        """All values, by their names in profiles; none where the charger does not tell them at once."""
        try:
            if is_1_6:
                answer = await self.chargers.ask(charge_point, *Question("GetConfiguration", {}))
                told = answer.get("configurationKey", ())
                return {each["key"]: each["value"] for each in told if "value" in each}
            return dict(_values(await self.chargers.base_report(charge_point)))
        except Unanswered as error:
            log.info("%s does not tell its configuration at once: %r", charge_point, error)
            return {}

    async def _value(self, charge_point: str, setting: Setting, found: Mapping[str, str]) -> str | None:
        if setting.key in found:
            return found[setting.key]
        return await self.chargers.setting(charge_point, setting)

    async def _set(self, charge_point: str, setting: Setting, value: str) -> str:
        word = await self._changed(charge_point, setting, value)
        if word in _TAKEN or setting.key not in _LISTS:
            return word
        # It refuses the list for one of its members: the longest part that it takes.
        taken: list[str] = []
        for each in value.split(","):
            said = await self._changed(charge_point, setting, ",".join([*taken, each]))
            if said in _TAKEN:
                taken.append(each)
                word = said
        return word

    async def _changed(self, charge_point: str, setting: Setting, value: str) -> str:
        try:
            word = await self.chargers.change_setting(charge_point, setting, value)
        except Unanswered as error:
            word = repr(error)
        if word not in _TAKEN:
            log.info("%s does not take %s = %s: %s", charge_point, setting.key, value, word)
        return word


def _values(report: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [
        (variable_name(line), each["value"])
        for line in report
        for each in line["variableAttribute"]
        if "value" in each and each.get("type", "Actual") == "Actual"
    ]


def _same(found: str | None, wanted: str) -> bool:
    """Whether a value is the wanted one: without regard to case, blanks, and the order of a list."""
    return found is not None and _members(found) == _members(wanted)


def _members(value: str) -> list[str]:
    return sorted(each.strip().casefold() for each in value.split(","))
