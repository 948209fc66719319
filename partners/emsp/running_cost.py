"""What a session has cost so far, by our own reckoning: pure."""

from collections.abc import Sequence

from hub.pricing import CannotBePriced, PricedRecord, PriceStatement, price_cdr
from schemas.v2_2_1 import Session, Tariff


def running_cost(
    session: Session, tariffs: Sequence[Tariff], time_zone: str | None
) -> PriceStatement | CannotBePriced | None:
    """The price of a session as it was told last, or why there is none; None: it tells of no periods.

    Args:
        session: Running or over.
        tariffs: Those of its CPO that were valid at its start and that its periods or, where none of them
            names one, its connector names.
        time_zone: Of the location; None: not known.
    """
    if not session.charging_periods:
        return None
    named = {each.tariff_id.upper() for each in session.charging_periods if each.tariff_id}
    relevant = [each for each in tariffs if not named or each.id.upper() in named]
    begun = max(each.start_date_time for each in session.charging_periods)
    told = session.end_date_time or session.last_updated
    record = PricedRecord(
        start_date_time=session.start_date_time,
        end_date_time=max(told, begun),
        currency=session.currency,
        tariffs=tuple(relevant),
        charging_periods=session.charging_periods,
    )
    try:
        return price_cdr(record, time_zone=time_zone)
    except CannotBePriced as error:
        return error
