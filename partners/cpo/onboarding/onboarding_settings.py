"""Whether chargers are set when they boot, and what if they refuse: the table `[onboarding]`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from partners.configuration_file import FLAG, SOME_SECONDS, TEXT, Setting
from partners.cpo.onboarding.settings_profiles import SettingsProfile, settings_profiles


@dataclass(frozen=True, slots=True)
class OnboardingSettings:
    """All of it; without profiles every charger is accepted as it is."""

    profiles: tuple[SettingsProfile, ...] = ()
    #: A charger that cannot be set as its profile wants stays Pending; else it is accepted with a finding.
    is_strict: bool = False
    #: How long nobody must need a charger before it is reset for settings that it takes when it boots.
    free_for: timedelta = timedelta(minutes=1)


def onboarding_settings(found: Mapping[str, Any], folder: Path) -> OnboardingSettings:
    """The settings as they were read; the file starts at the folder.

    Raises:
        SettingsWrong: The file of profiles cannot be used.
    """
    file = found.get("profiles")
    profiles = () if file is None else settings_profiles(folder / file)
    return OnboardingSettings(**{**found, "profiles": profiles})


ONBOARDING: Final[Mapping[str, Setting]] = {
    "profiles": Setting("profiles", TEXT),
    "strict": Setting("is_strict", FLAG),
    "reset_when_free_for_seconds": Setting("free_for", SOME_SECONDS),
}
