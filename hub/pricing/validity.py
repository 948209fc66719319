"""Which tariffs a session may be under: those that are valid when it starts, and are meant for it.

A driver accepts the tariff that is valid when the session starts; it prices the session to its end (2.2.1,
Tariffs, Tariff Object, note on `start_date_time`).
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from hub.pricing.tariff import PriceList
from schemas.v2_2_1.sessions import ProfileType
from schemas.v2_2_1.tariffs import Tariff, TariffType

_FOR_PROFILE: Final = {
    ProfileType.CHEAP: TariffType.PROFILE_CHEAP,
    ProfileType.FAST: TariffType.PROFILE_FAST,
    ProfileType.GREEN: TariffType.PROFILE_GREEN,
    ProfileType.REGULAR: TariffType.REGULAR,
}

_EVER: Final = datetime.min.replace(tzinfo=UTC)


def is_valid(tariff: Tariff, at: datetime) -> bool:
    """Whether the tariff is active: from `start_date_time` to `end_date_time`, both inclusive."""
    has_begun = tariff.start_date_time is None or tariff.start_date_time <= at
    return has_begun and (tariff.end_date_time is None or at <= tariff.end_date_time)


def tariffs_for(
    tariffs: Iterable[Tariff],
    *,
    start: datetime,
    profile: ProfileType = ProfileType.REGULAR,
    ad_hoc: bool = False,
) -> list[Tariff]:
    """The tariffs that are valid for a session, the one to take first.

    One that is meant for just such sessions goes before one for all sessions, and among equals the one that
    became valid last: it replaces the others.

    Args:
        tariffs: Those of the connector.
        start: When the session starts.
        profile: The driver's charging preference; without one it is REGULAR.
        ad_hoc: Whether the driver pays at the charge point.
    """
    wanted = TariffType.AD_HOC_PAYMENT if ad_hoc else _FOR_PROFILE[profile]
    meant = [each for each in tariffs if each.type in (None, wanted) and is_valid(each, start)]
    newest = sorted(meant, key=lambda each: each.start_date_time or _EVER, reverse=True)
    return sorted(newest, key=lambda each: each.type is None)


def validity_notes(price_lists: Iterable[PriceList], start: datetime) -> Iterator[str]:
    """What is to be said of relevant tariffs that were not valid when the session started."""
    for one in price_lists:
        if one.valid_from is not None and start < one.valid_from:
            yield (
                f"{one.pointer}/start_date_time: tariff {one.id} becomes valid at {one.valid_from},"
                f" after the start of the session at {start}"
            )
        if one.valid_until is not None and start > one.valid_until:
            yield (
                f"{one.pointer}/end_date_time: tariff {one.id} was valid until {one.valid_until},"
                f" before the start of the session at {start}"
            )
