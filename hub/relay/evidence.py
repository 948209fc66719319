"""What the hub knows beside a CDR that passes: from what it keeps, and nothing from memory."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import ValidationError

from hub.ocpi.description import ObjectKey
from hub.ocpi.party import NotAParty, Party
from hub.pricing.plausibility import Charge, Known, Missing, TariffVersion
from hub.pricing.plausibility.case import is_reservation
from hub.store.database import microseconds, moment
from hub.store.judged_cdrs import JudgedCdrs, Other
from hub.store.objects import ObjectStore
from schemas import exact_json
from schemas.text import NOT_AVAILABLE
from schemas.tolerance import TOLERANT
from schemas.v2_2_1 import CDR, Location, Session, Tariff, Token, TokenType
from schemas.wire_object import WireObject

#: How long before and after another charge with the same token may matter.
_A_LONG_WAY: Final = timedelta(days=2)
_Kind = TypeVar("_Kind", bound=WireObject)


class Footprint(NamedTuple):
    """What later CDRs are compared with: who was where, from when until when."""

    evse: str | None
    token: str | None
    starts_at: int | None
    ends_at: int | None
    latitude: str | None
    longitude: str | None
    credit_of: str | None


NO_FOOTPRINT: Final = Footprint(None, None, None, None, None, None, None)


class ReadCdr(NamedTuple):
    """A CDR that came, as far as it can be read."""

    value: Any
    #: The same for the same content, however it is laid out and its numbers are spelled.
    digest: str
    #: None where it cannot be read.
    cdr: CDR | None
    footprint: Footprint


def read_cdr(value: Any) -> ReadCdr:
    """Read a CDR; of a large one that takes a while."""
    try:
        cdr = CDR.model_validate(value, context=TOLERANT)
    except ValidationError:
        return ReadCdr(value, digest_of(value), None, NO_FOOTPRINT)
    return ReadCdr(value, digest_of(value), cdr, footprint_of(cdr))


@dataclass(frozen=True, slots=True)
class Evidence:
    """Finds what there is."""

    objects: ObjectStore
    judged: JudgedCdrs

    async def known(self, read: ReadCdr, sender: Party, now: datetime) -> Known:
        """What is known beside a CDR that came from this party at this moment."""
        cdr, footprint = read.cdr, read.footprint
        if cdr is None:
            return Known(now=now, sender=sender.folded)
        return Known(
            now=now,
            sender=sender.folded,
            session=await self._session(cdr, sender),
            token=await self._token(cdr),
            location=await self._one(Location, "locations", sender, cdr.cdr_location.id),
            tariffs=await self._tariffs(cdr, sender),
            same_id=await self._same_id(read.digest, cdr, sender),
            original=await self._original(cdr, sender),
            other_credits=await self._other_credits(cdr, sender),
            at_evse=await self._at_evse(cdr, sender, footprint),
            of_token=await self._of_token(cdr, footprint),
        )

    async def _session(self, cdr: CDR, sender: Party) -> Session | Missing:
        if cdr.session_id is None:
            return Missing.NOT_ASKED
        return await self._one(Session, "sessions", sender, cdr.session_id)

    async def _token(self, cdr: CDR) -> Token | Missing:
        token = cdr.cdr_token
        try:
            emsp = Party(token.country_code, token.party_id)
        except NotAParty:
            return Missing.NOT_ASKED
        if token.type == TokenType.AD_HOC_USER:  # made for one session, and never published
            return Missing.NOT_ASKED
        return await self._one(Token, "tokens", emsp, token.uid, str(token.type))

    async def _one(
        self, kind: type[_Kind], module: str, owner: Party, object_id: str, variant: str = ""
    ) -> _Kind | Missing:
        """An object that is kept; unknown only if its owner tells the hub of such objects at all."""
        body = await self.objects.get(ObjectKey(module, *owner.folded, object_id.upper(), variant))
        if body is None:
            return Missing.UNKNOWN if owner in await self.objects.owners(module) else Missing.NOT_ASKED
        try:
            return kind.read(body, tolerant=True)
        except ValidationError:
            return Missing.NOT_ASKED

    async def _tariffs(self, cdr: CDR, sender: Party) -> tuple[TariffVersion, ...]:
        named = {period.tariff_id for period in cdr.charging_periods if period.tariff_id}
        stored = await self.objects.tariff_versions(sender, named | {each.id for each in cdr.tariffs})
        found: list[TariffVersion] = []
        for each in stored:
            try:
                tariff = Tariff.read(each.body, tolerant=True) if each.body else None
            except ValidationError:
                continue
            found.append(TariffVersion(each.tariff_id, moment(each.since), tariff))
        return tuple(found)

    async def _same_id(self, digest: str, cdr: CDR, sender: Party) -> Any:
        before = await self.judged.same_id(sender, cdr.id.upper(), digest)
        kept = await self.objects.get(ObjectKey("cdrs", *sender.folded, cdr.id.upper()))
        body = kept if kept is not None else None if before is None else before.body
        other = None if body is None else exact_json.decode(body)
        return None if other is None or digest_of(other) == digest else other

    async def _original(self, cdr: CDR, sender: Party) -> Any:
        if not cdr.credit or cdr.credit_reference_id is None:
            return Missing.NOT_ASKED
        body = await self.objects.get(ObjectKey("cdrs", *sender.folded, cdr.credit_reference_id.upper()))
        return Missing.UNKNOWN if body is None else exact_json.decode(body)

    async def _other_credits(self, cdr: CDR, sender: Party) -> tuple[str, ...]:
        if not cdr.credit or cdr.credit_reference_id is None:
            return ()
        return await self.judged.credits_of(sender, cdr.credit_reference_id.upper(), but=cdr.id.upper())

    async def _at_evse(self, cdr: CDR, sender: Party, footprint: Footprint) -> tuple[Charge, ...]:
        if footprint.evse is None or footprint.starts_at is None or footprint.ends_at is None:
            return ()
        others = await self.judged.at_evse(
            sender, footprint.evse, but=cdr.id.upper(), since=footprint.starts_at, until=footprint.ends_at
        )
        return tuple(map(_charge, others))

    async def _of_token(self, cdr: CDR, footprint: Footprint) -> tuple[Charge, ...]:
        if footprint.token is None or footprint.starts_at is None or footprint.ends_at is None:
            return ()
        margin = _A_LONG_WAY // timedelta(microseconds=1)
        others = await self.judged.of_token(
            footprint.token,
            but=cdr.id.upper(),
            since=footprint.starts_at - margin,
            until=footprint.ends_at + margin,
        )
        return tuple(map(_charge, others))


def footprint_of(cdr: CDR) -> Footprint:
    """What later CDRs are compared with."""
    place, token = cdr.cdr_location, cdr.cdr_token
    periods = sorted(cdr.charging_periods, key=lambda period: period.start_date_time)
    arrival = next((each.start_date_time for each in periods if not is_reservation(each)), None)
    credit_of = cdr.credit_reference_id.upper() if cdr.credit and cdr.credit_reference_id else None
    owner = f"{token.country_code}/{token.party_id}".upper()
    return Footprint(
        evse=None if place.evse_uid == NOT_AVAILABLE else f"{place.id} {place.evse_uid}".upper(),
        token=f"{owner} {token.type} {token.uid}".upper(),
        starts_at=None if arrival is None else microseconds(arrival),
        ends_at=None if arrival is None else microseconds(cdr.end_date_time),
        latitude=place.coordinates.latitude,
        longitude=place.coordinates.longitude,
        credit_of=credit_of,
    )


def digest_of(value: Any) -> str:
    """The same for the same content, however it is laid out and its numbers are spelled."""
    return hashlib.sha256(exact_json.encode(_canonical(value))).hexdigest()


def _canonical(value: Any) -> Any:
    match value:
        case Mapping():
            return {name: _canonical(value[name]) for name in sorted(value) if value[name] is not None}
        case list():
            return [_canonical(each) for each in value]
        case bool():
            return value
        case int() | Decimal():
            return {"number": str(Decimal(value).normalize())}
    return value


def _charge(other: Other) -> Charge:
    return Charge(
        other.cdr_id,
        moment(other.starts_at),
        moment(other.ends_at),
        None if other.latitude is None else Decimal(other.latitude),
        None if other.longitude is None else Decimal(other.longitude),
    )
