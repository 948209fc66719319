"""Which version of a tariff was valid when: what changed afterwards changes nothing."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from hub.pricing.plausibility.known import TariffVersion
from schemas.v2_2_1 import Tariff


def valid_at(
    versions: Iterable[TariffVersion], tariff_id: str, start: datetime, margin: timedelta
) -> list[Tariff]:
    """The versions of a tariff that may have been shown to whoever started then, the newest last.

    A version holds from its moment on until the next one's. One that is told before it begins (its
    `start_date_time`) leaves the one before it in force until then. Empty: nothing is known of that time, or
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
    told = [each for each in own if each.since <= start]
    begun = [each for each in told if _begins(each) <= start]
    # Where there is only a price of tomorrow, whoever asks shall hear of that.
    return _holding(begun, start - margin) or _holding(
        [each for each in told[-1:] if each not in begun], start
    )


def _begins(version: TariffVersion) -> datetime:
    """When it comes into force."""
    told = None if version.tariff is None else version.tariff.start_date_time
    return version.since if told is None else max(told, version.since)


def _holding(own: Sequence[TariffVersion], until: datetime) -> list[Tariff]:
    """Those after which no other came into force until then, the newest last."""
    ends: list[datetime | None] = [_begins(after) for _, after in pairwise(own)] + [None] * bool(own)
    return [
        each.tariff
        for each, end in zip(own, ends, strict=True)
        if each.tariff is not None and (end is None or until < end)
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
