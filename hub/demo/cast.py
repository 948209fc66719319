"""Who plays in the demo: a hub, a CPO with a charger of each OCPP version, two eMSPs; all on loopback."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hub.ocpi.party import Party
from hub.ocpi.timestamps import utc_now
from hub.pricing.plausibility import Plausibility
from hub.settings import Settings
from hub.store.journal import JournalEntry
from hub.web.app import RunningHub, running_hub
from partners.charger.charge_point import ChargerSimulator
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.cpo.app import CpoNode
from partners.cpo.settings import settings as cpo_settings
from partners.emsp.app import EmspNode
from partners.emsp.settings import EmspSettings
from partners.emsp.tokens import token_entries
from partners.settings import NodeSettings

#: Simulated seconds in a second: a quarter of an hour at the charger in ten seconds.
SPEED = 90.0
RFID_TAG = "04A2B3C4D5E6F0"
OTHER_RFID_TAG = "04A2B3C4D5E6F1"
APP_USER = "app-user-7"
LOCATION = "station-square"

CPO_TABLES: dict[str, Any] = {
    "node": {"party": "NL/CHG", "name": "ChargeGround", "database": "cpo.sqlite3"},
    # Time flies: what takes a moment to arrive is minutes old, and no clock is wrong for that.
    "cpo": {"trust_clock_seconds": 3600},
    "tariffs": [
        {
            "id": "standard",
            "currency": "EUR",
            "elements": [
                {
                    "price_components": [
                        {"type": "FLAT", "price": Decimal("0.50"), "vat": Decimal(21), "step_size": 1},
                        {"type": "ENERGY", "price": Decimal("0.39"), "vat": Decimal(21), "step_size": 100},
                        {"type": "TIME", "price": Decimal("1.20"), "vat": Decimal(21), "step_size": 60},
                        {
                            "type": "PARKING_TIME",
                            "price": Decimal("3.00"),
                            "vat": Decimal(21),
                            "step_size": 300,
                        },
                    ]
                }
            ],
        }
    ],
    "locations": [
        {
            "id": LOCATION,
            "publish": True,
            "name": "Station Square",
            "address": "Station Square 1",
            "city": "Utrecht",
            "postal_code": "3511 ED",
            "country": "NLD",
            "coordinates": {"latitude": "52.08950", "longitude": "5.11040"},
            "time_zone": "Europe/Amsterdam",
            "operator": {"name": "ChargeGround"},
            "evses": [
                {
                    "uid": f"evse-{number}",
                    "evse_id": f"NL*CHG*E{number}",
                    "charge_point": f"CP{number}",
                    "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE", "UNLOCK_CAPABLE"],
                    "connectors": [
                        {
                            "id": "1",
                            "standard": "IEC_62196_T2",
                            "format": "SOCKET",
                            "power_type": "AC_3_PHASE",
                            "max_voltage": 230,
                            "max_amperage": 32,
                            "max_electric_power": 22_000,
                            "tariff_ids": ["standard"],
                        }
                    ],
                }
                for number in (1, 2, 3)
            ],
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody on stage."""

    folder: Path
    time: SimulatedTime
    hub: RunningHub
    cpo: CpoNode
    #: Its driver has an app.
    emsp_a: EmspNode
    #: Its two drivers have RFID cards.
    emsp_b: EmspNode
    #: Where the app driver charges: OCPP 2.0.1.
    charger_1: ChargerSimulator
    #: Where the first RFID driver charges: OCPP 1.6J.
    charger_2: ChargerSimulator
    #: Where the second one does: OCPP 2.1.
    charger_3: ChargerSimulator

    @property
    def chargers(self) -> tuple[ChargerSimulator, ...]:
        """All of them."""
        return self.charger_1, self.charger_2, self.charger_3


@asynccontextmanager
async def on_stage(folder: Path, onlooker: Callable[[JournalEntry], None]) -> AsyncIterator[Cast]:
    """Everybody, listening, and knowing nobody yet."""
    time = SimulatedTime(utc_now, SPEED)
    hub_settings = Settings(
        data=folder / "hub",
        port=0,
        admin_port=0,
        allow_private_networks=True,
        # On the stage a day passes in minutes: sessions end ahead of the hub's own clock.
        plausibility=Plausibility(clocks=timedelta(days=366)),
    )
    async with (
        running_hub(hub_settings, log=None, observe=onlooker) as hub,
        CpoNode(cpo_settings(CPO_TABLES, folder), clock=time.now) as cpo,
        _emsp(folder, "NL/APP", "AppDrive", (APP_USER,), "APP_USER", time) as emsp_a,
        _emsp(folder, "DE/CRD", "CardDrive", (RFID_TAG, OTHER_RFID_TAG), "RFID", time) as emsp_b,
        _charger(cpo, "CP1", "2.0.1", time) as charger_1,
        _charger(cpo, "CP2", "1.6", time) as charger_2,
        _charger(cpo, "CP3", "2.1", time) as charger_3,
    ):
        yield Cast(folder, time, hub, cpo, emsp_a, emsp_b, charger_1, charger_2, charger_3)


def _emsp(
    folder: Path, party: str, name: str, uids: Sequence[str], kind: str, time: SimulatedTime
) -> EmspNode:
    issued = [
        {
            "uid": uid,
            "type": kind,
            "contract_id": f"{party.replace('/', '-')}-C0000000{number}-1",
            "issuer": name,
            "valid": True,
            # RFID cards are asked about at the eMSP each time, app users never (TOK-07, CMD-14).
            "whitelist": "NEVER",
        }
        for number, uid in enumerate(uids, 1)
    ]
    node = NodeSettings(party=Party.parse(party), name=name, database=folder / f"{name}.sqlite3")
    return EmspNode(EmspSettings(node=node, tokens=token_entries(issued)), clock=time.now)


def _charger(cpo: CpoNode, identity: str, version: str, time: SimulatedTime) -> ChargerSimulator:
    settings = ChargerSettings(version=version, car_comes_on_remote_start=True)
    return ChargerSimulator(f"{cpo.ocpp_url}/{identity}", settings, time=time)
