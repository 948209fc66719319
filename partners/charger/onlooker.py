"""What an onlooker sees of a charge point."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from partners.charger.states import Status


class ConnectorState(NamedTuple):
    """How a connector is at this moment."""

    status: Status
    #: None without a transaction, or as long as the central system does not know it.
    transaction_id: int | str | None
    id_tag: str | None
    #: Delivered in the present transaction, Wh.
    energy_wh: Decimal
    #: Delivered in the transaction before, Wh.
    last_energy_wh: Decimal
    register_wh: Decimal
    #: What flows now, W.
    power_w: Decimal
    #: Whether the car takes nothing more.
    car_is_full: bool
    #: Whether there is a car.
    is_plugged: bool = False


class Happening(NamedTuple):
    """Something that an onlooker may want to know."""

    at: datetime
    charge_point: str
    #: In a few words.
    what: str
    connector_id: int | None = None


Onlooker = Callable[[Happening], None]
