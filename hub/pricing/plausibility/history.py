"""Which version of a tariff was valid when: what changed afterwards changes nothing."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from hub.pricing.plausibility.known import TariffVersion
from schemas.v2_2_1 import Tariff


def valid_at(
    versions: Iterable[TariffVersion], tariff_id: str, start: datetime, margin: timedelta
) -> list[Tariff]:
    """The versions of a tariff that may have been shown to whoever started then, the newest last.

    A version holds from its `last_updated` until the next one's. Empty: nothing is known of that time, or
    the tariff was withdrawn.

    Args:
        versions: Of any tariffs, in any order.
        tariff_id: Which tariff; ids ignore case.
        start: When the session started.
        margin: A version that was replaced so shortly before the start will do.
    """
    own = sorted(
        (each for each in versions if each.tariff_id.upper() == tariff_id.upper()),
        key=lambda each: each.since,
    )
    ends: list[datetime | None] = [after.since for _, after in pairwise(own)] + [None] * bool(own)
    return [
        each.tariff
        for each, until in zip(own, ends, strict=True)
        if each.tariff is not None and each.since <= start and (until is None or start - margin < until)
    ]


def is_known_at(versions: Iterable[TariffVersion], tariff_id: str, start: datetime) -> bool:
    """Whether anything is known of the tariff at that time, be it that it was withdrawn."""
    return any(each.tariff_id.upper() == tariff_id.upper() and each.since <= start for each in versions)


def held_since(last_updated: datetime, received_at: datetime, newest: datetime | None) -> datetime:
    """Since when a version of a tariff holds that comes after all others that are known (decision 0036).

    Since its `last_updated`, for that is when its owner changed it; a message may be late. But not in the
    future, as it is in force when it comes; and not before a version that came earlier, nor instead of it:
    one that was changed without a new `last_updated` holds from when it came.

    Args:
        last_updated: What the tariff says.
        received_at: When it came.
        newest: Since when the newest version holds that came before, or when the tariff was withdrawn.
    """
    since = min(last_updated, received_at)
    if newest is None or since > newest:
        return since
    return max(received_at, newest + timedelta.resolution)
