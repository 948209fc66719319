"""What drivers do at a charge point, as short stories."""

from dataclasses import dataclass
from decimal import Decimal

from partners.charger.charge_point import ChargerSimulator
from partners.charger.states import Status, Verdict


@dataclass(frozen=True, slots=True)
class Visit:
    """How a visit to a charge point ended."""

    charge_point: str
    #: What the card reader said.
    status: Verdict
    #: Delivered, Wh.
    energy_wh: Decimal = Decimal(0)


async def rfid_visit(
    charger: ChargerSimulator, connector_id: int, id_tag: str, stop_after_wh: Decimal | None = None
) -> Visit:
    """Plug in, show the card, charge so much (or until the car is full), show the card again, leave."""
    charger.plug_in(connector_id)
    status = await charger.tap(connector_id, id_tag)
    if status is Verdict.ACCEPTED:
        await charger.until(lambda: _is_over(charger, connector_id, stop_after_wh))
    if charger.connector(connector_id).id_tag is not None:
        await charger.tap(connector_id, id_tag)
    # With 2.x the transaction may last until the car has left.
    charger.unplug(connector_id)
    charged = status is Verdict.ACCEPTED
    energy_wh = charger.connector(connector_id).last_energy_wh if charged else Decimal(0)
    await charger.until_told()
    return Visit(charger.charge_point, status, energy_wh)


async def leave_when_done(charger: ChargerSimulator, connector_id: int) -> None:
    """For ever: whoever has been charged at this connector drives away."""
    while True:
        await charger.until_status(connector_id, Status.FINISHING)
        charger.unplug(connector_id)


def _is_over(charger: ChargerSimulator, connector_id: int, stop_after_wh: Decimal | None) -> bool:
    """Enough is delivered, the car is full, or the charge point has ended it by itself."""
    state = charger.connector(connector_id)
    enough = stop_after_wh is not None and state.energy_wh >= stop_after_wh
    return enough or state.car_is_full or state.id_tag is None
