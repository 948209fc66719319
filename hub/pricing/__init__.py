"""What a session costs: pure and exact.

    periods = charged_periods(session.charging_periods, end=now)
    statement = price(periods, tariffs, time_zone=location.time_zone)
    session_cost = ocpi_price(statement.total_cost)

The same three lines quote, follow, bill and check: a running session is one that ends now. Who measures
makes `ChargedPeriod`s instead of reading them. `rounded(statement)` is what a bill shows. What the engine
does not understand raises `CannotBePriced`; nothing is priced at 0 because it was not understood.
"""

from hub.pricing.charging_periods import charged_periods
from hub.pricing.errors import CannotBePriced
from hub.pricing.periods import Activity, ChargedPeriod, Level
from hub.pricing.price import price
from hub.pricing.rounding import half_up, ocpi_price, rounded
from hub.pricing.statement import Amount, Line, PriceStatement
from hub.pricing.usage import Kind

__all__ = [
    "Activity",
    "Amount",
    "CannotBePriced",
    "ChargedPeriod",
    "Kind",
    "Level",
    "Line",
    "PriceStatement",
    "charged_periods",
    "half_up",
    "ocpi_price",
    "price",
    "rounded",
]
