"""What a session costs: pure and exact.

    periods = charged_periods(session.charging_periods, end=now)
    statement = price(periods, tariffs, time_zone=location.time_zone)
    session_cost = ocpi_price(statement.total_cost)

The same three lines quote, follow, bill and check: a running session is one that ends now. Who measures
makes `ChargedPeriod`s instead of reading them; `price_cdr(cdr)` does it all for a CDR. `explain(statement)`
says why, `rounded(statement)` is what a bill shows. What the engine does not understand raises
`CannotBePriced`; nothing is priced at 0 because it was not understood.
"""

from hub.pricing.charging_periods import charged_periods
from hub.pricing.currency import decimals_of
from hub.pricing.errors import CannotBePriced
from hub.pricing.explanation import Explanation, explain
from hub.pricing.periods import Activity, ChargedPeriod, Level
from hub.pricing.price import price
from hub.pricing.record import PricedRecord, price_cdr
from hub.pricing.rounding import half_up, ocpi_price, payable, rounded
from hub.pricing.statement import Amount, Line, NotPriced, PriceStatement
from hub.pricing.tariff import PassedOver, check_tariff
from hub.pricing.usage import Kind
from hub.pricing.validity import is_valid, tariffs_for

__all__ = [
    "Activity",
    "Amount",
    "CannotBePriced",
    "ChargedPeriod",
    "Explanation",
    "Kind",
    "Level",
    "Line",
    "NotPriced",
    "PassedOver",
    "PriceStatement",
    "PricedRecord",
    "charged_periods",
    "check_tariff",
    "decimals_of",
    "explain",
    "half_up",
    "is_valid",
    "ocpi_price",
    "payable",
    "price",
    "price_cdr",
    "rounded",
    "tariffs_for",
]
