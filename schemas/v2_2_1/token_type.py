"""The kinds of tokens: a word of the Tokens module that Locations and CDRs use too."""

from schemas.enumeration import OcpiEnum


class TokenType(OcpiEnum):
    """How the driver was identified."""

    AD_HOC_USER = "AD_HOC_USER"
    APP_USER = "APP_USER"
    OTHER = "OTHER"
    RFID = "RFID"
