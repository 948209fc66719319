"""A verdict as it is offered: whole to the operator, and to each party of the CDR what is for it."""

from collections.abc import Collection
from typing import Any

from hub.directory.directory import Platform
from hub.ocpi.party import Party
from hub.ocpi.timestamps import format_timestamp
from hub.pricing.plausibility import Side
from hub.pricing.plausibility.shown import for_sides
from hub.store.database import moment
from hub.store.judged_cdrs import JudgedCdr
from schemas import exact_json
from schemas.v2_2_1 import Role


def offered(cdr: JudgedCdr, sides: Collection[Side] = frozenset(Side)) -> dict[str, Any]:
    """A verdict for these parties of the CDR, as JSON values."""
    return {
        "country_code": cdr.country_code,
        "party_id": cdr.party_id,
        "id": cdr.cdr_id,
        "emsp_country_code": cdr.emsp_country_code,
        "emsp_party_id": cdr.emsp_party_id,
        "judged_at": format_timestamp(moment(cdr.at)),
        "state": str(cdr.state),
        "reason": cdr.reason or None,
        **for_sides(exact_json.decode(cdr.verdict), sides),
    }


def parties_by_side(platform: Platform) -> tuple[frozenset[Party], frozenset[Party]]:
    """The parties of a platform that send CDRs, and those that are sent them."""
    cpos = frozenset(each.party for each in platform.roles if each.role == Role.CPO)
    return cpos, frozenset(each.party for each in platform.roles if each.role == Role.EMSP)


def sides_of(cdr: JudgedCdr, platform: Platform) -> frozenset[Side]:
    """Which of the two parties of a CDR a platform speaks for."""
    cpos, emsps = parties_by_side(platform)
    sides = {Side.CPO: cdr.owner in cpos, Side.EMSP: cdr.emsp in emsps}
    return frozenset(side for side, is_own in sides.items() if is_own)
