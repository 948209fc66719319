"""Parties as an operator writes them."""

from typing import Annotated

from pydantic import AfterValidator

from hub.ocpi.party import Party


def _folded(text: str) -> str:
    return str(Party.parse(text))


#: `NL/TNM`; written as `nl-tnm` or `NL*TNM` it means the same.
PartyText = Annotated[str, AfterValidator(_folded)]
