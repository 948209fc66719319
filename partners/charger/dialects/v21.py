"""OCPP 2.1: what it says otherwise than 2.0.1."""

from typing import Any

from partners.charger.connector import Connector, Transaction
from partners.charger.dialects.v2 import Dialect2
from partners.charger.states import Cause


class Dialect21(Dialect2):
    """2.1: a transaction also says how its power is decided."""

    version = "2.1"

    def _info(self, connector: Connector, transaction: Transaction, cause: Cause | None) -> dict[str, Any]:
        return super()._info(connector, transaction, cause) | {"operationMode": "ChargingOnly"}
