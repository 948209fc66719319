"""How much a charger may give: the profiles of smart charging that it has, and what they come to."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from partners.charger.connector import Connector, Transaction
from partners.charger.smart_charging import (
    FOREVER,
    Limit,
    Profile,
    Profiles,
    Purpose,
    Step,
    composite,
    read_profile,
)


class Limits:
    """The profiles of one charger, and what they come to.

    Args:
        connectors: By number.
        phases: Of each connector.
    """

    def __init__(self, connectors: Mapping[int, Connector], phases: int) -> None:
        self._connectors = connectors
        self._phases = phases
        self._profiles = Profiles()
        #: The power has failed: nothing flows, whatever the profiles say.
        self.is_dark = False

    def install(self, connector_id: int, value: Mapping[str, Any]) -> bool:
        """Charge by a profile from now on; False if it makes no sense, or nobody here could follow it."""
        try:
            profile = read_profile(connector_id, value, self._phases)
        except ValueError:
            return False
        if not self._can_follow(profile):
            return False
        self._profiles.install(profile)
        return True

    def remove(self, is_meant: Callable[[Profile], bool]) -> bool:
        """Forget the profiles that are meant; whether there were any."""
        return self._profiles.remove(is_meant)

    def ended(self, transaction: Transaction) -> None:
        """Forget the profiles that were for a transaction."""
        self._profiles.remove(partial(_is_for, transaction))

    def installed(self, is_meant: Callable[[Profile], bool]) -> list[Profile]:
        """The profiles that are meant."""
        return self._profiles.installed(is_meant)

    def of(self, transaction: Transaction, at: datetime) -> Limit:
        """What a transaction may have at an instant."""
        if self.is_dark:
            return Limit(Decimal(0), FOREVER)
        number, began = transaction.transaction_id, transaction.started_at
        return self._profiles.limit(transaction.connector_id, number, at, began)

    def composite(self, connector_id: int, at: datetime, seconds: int) -> list[Step] | None:
        """What all profiles come to at a connector from an instant on; None: there is no such connector."""
        connector = self._connectors.get(connector_id)
        if connector is None:
            return None
        transaction = connector.transaction
        number = None if transaction is None else transaction.transaction_id
        began = at if transaction is None else transaction.started_at
        return composite(
            lambda then: self._profiles.limit(connector_id, number, then, began),
            connector.max_power_w,
            at,
            timedelta(seconds=seconds),
        )

    def _can_follow(self, profile: Profile) -> bool:
        if profile.purpose is Purpose.STATION_MAX:
            return profile.connector_id == 0
        connector = self._connectors.get(profile.connector_id)
        if profile.purpose is Purpose.TX_DEFAULT:
            return profile.connector_id == 0 or connector is not None
        transaction = None if connector is None else connector.transaction
        return transaction is not None and profile.transaction_id in {None, transaction.transaction_id}


def _is_for(transaction: Transaction, profile: Profile) -> bool:
    """Whether a profile goes with a transaction: it is for it by id, or for any that there is."""
    is_here = profile.connector_id == transaction.connector_id
    own = profile.transaction_id == transaction.transaction_id or (is_here and profile.transaction_id is None)
    return profile.purpose is Purpose.TX and own
