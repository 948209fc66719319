"""How a driver's session charges: what the driver prefers, and ceilings that we set (SES-15, CHP rows)."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from hub.ocpi.client import PeerOffers
from hub.ocpi.party import Party
from partners.administration import NotPossible
from partners.emsp.charging_profiles import ChargingProfiles, ProfileOutcome
from partners.emsp.inbox import Sessions
from partners.emsp.locations import Locations, UnknownPlace, evse_of
from partners.link import Link, path
from schemas.v2_2_1 import (
    Capability,
    ChargingPreferences,
    ChargingPreferencesResponse,
    ChargingProfile,
    InterfaceRole,
    Session,
)

#: How much of an active profile is asked for: the specification's guide is 5 to 60 minutes.
USEFUL_DURATION = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class SmartCharging:
    """Preferences and profiles of sessions that run."""

    sessions: Sessions
    locations: Locations
    profiles: ChargingProfiles
    link: Link

    async def prefer(
        self, session_id: str, preferences: ChargingPreferences, *, owner: Party | None = None
    ) -> ChargingPreferencesResponse:
        """Tell the CPO how the driver wants to charge.

        Raises:
            NotPossible: there is no such session, or its EVSE takes no preferences (SES-16).
            NotSent, CallFailed, PeerRefused, PeerOffers: there is no answer.
        """
        session = self.sessions.running(session_id, owner)
        self._check_takes_preferences(session)
        answer = await self.link.send(
            "PUT",
            "sessions",
            InterfaceRole.SENDER,
            path(session.id, "charging_preferences"),
            preferences,
            to=Party(session.country_code, session.party_id),
        )
        data = answer.data()
        if data not in tuple(ChargingPreferencesResponse):
            raise PeerOffers(f"expected one of {', '.join(ChargingPreferencesResponse)}, got {data!r}")
        return ChargingPreferencesResponse(data)

    async def limit(
        self, session_id: str, profile: ChargingProfile, *, owner: Party | None = None
    ) -> ProfileOutcome:
        """Set a charging profile.

        Raises:
            NotPossible: there is no such session, or the periods are in no order (CHP-13).
            NotSent, CallFailed, PeerRefused, PeerOffers: there is no ChargingProfileResponse.
        """
        session = self.sessions.running(session_id, owner)
        check_periods(profile)
        return await self.profiles.set(session, profile)

    async def active(
        self, session_id: str, duration: timedelta = USEFUL_DURATION, *, owner: Party | None = None
    ) -> ProfileOutcome:
        """Ask for the active profile; see `ChargingProfiles.active`."""
        return await self.profiles.active(self.sessions.running(session_id, owner), duration)

    async def unlimit(self, session_id: str, *, owner: Party | None = None) -> ProfileOutcome:
        """Clear the profile that we set; see `ChargingProfiles.clear`."""
        return await self.profiles.clear(self.sessions.running(session_id, owner))

    def _check_takes_preferences(self, session: Session) -> None:
        try:
            location = self.locations.find(session.location_id, Party(session.country_code, session.party_id))
            evse = evse_of(location, session.evse_uid)
        except UnknownPlace:
            return  # a home charger is never published (SES-21): the CPO knows
        if Capability.CHARGING_PREFERENCES_CAPABLE not in evse.capabilities:
            raise NotPossible(f"EVSE {session.evse_uid} takes no charging preferences")


def check_periods(profile: ChargingProfile) -> None:
    """A profile of ours begins with its first period, and its periods ascend (CHP-13).

    Raises:
        NotPossible: it does not, or they do not.
    """
    starts = [each.start_period for each in profile.charging_profile_period]
    if not starts or starts[0] != 0:
        raise NotPossible("the first period of a charging profile starts at 0 seconds")
    if any(later <= earlier for earlier, later in pairwise(starts)):
        raise NotPossible("the periods of a charging profile start one after the other")
