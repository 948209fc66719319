"""The versions of OCPP that a simulated charger speaks: each turns what happens into its own messages."""

from partners.charger.dialects.dialect import Dialect, Maker
from partners.charger.dialects.v16 import Dialect16
from partners.charger.dialects.v21 import Dialect21
from partners.charger.dialects.v201 import Dialect201

#: By the name of the version.
DIALECTS: dict[str, Maker] = {"1.6": Dialect16, "2.0.1": Dialect201, "2.1": Dialect21}

__all__ = ["DIALECTS", "Dialect", "Maker"]
