"""OCPP 2.0.1."""

from partners.charger.dialects.v2 import Dialect2


class Dialect201(Dialect2):
    """2.0.1, which is what 2.x began with."""

    version = "2.0.1"
