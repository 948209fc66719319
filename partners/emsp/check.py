"""Whether a CDR is right: by the rules of the hub, and by the tariffs that we were told of. Pure.

A CDR brings its own tariffs, so it may agree with itself and still not with what the CPO published. It is
priced twice: by what it brings, and by what was published for its connector and valid at its start.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import localcontext
from typing import Any, Final, NamedTuple

from hub.pricing import CannotBePriced, PriceStatement, explain, price_cdr, tariffs_for
from hub.pricing.plausibility import Finding, Known, Plausibility, Severity, Verdict, judged
from hub.pricing.plausibility.case import reckoned, time_zone
from hub.pricing.plausibility.history import is_known_at, valid_at
from hub.pricing.plausibility.rules_of_money import Difference, differences, same_price
from hub.pricing.plausibility.shown import as_data
from partners.emsp.tariff_history import KeptVersion
from schemas.v2_2_1 import CDR, Tariff, TariffType, TokenType
from schemas.v2_2_1.cdrs import ChargingPeriod

#: The rules that are ours alone; the others are the hub's (docs/cdr-verdicts.md).
PUBLISHED_LINES: Final = "published-price-lines"
PUBLISHED_TOTAL: Final = "published-price-total"
NOT_PUBLISHED: Final = "tariff-not-published"
OF_CONNECTOR: Final = "tariff-of-connector"
TOLD_LATE: Final = "tariff-told-late"
NO_TIME_ZONE: Final = "time-zone"

_GRAVE: Final = (Severity.REFUSE, Severity.HOLD)
#: Digits that are enough for every comparison.
_DIGITS: Final = 60


class Published(NamedTuple):
    """What the CPO had told us of its prices."""

    #: Versions of the tariffs that the CDR and its connector name, in any order.
    versions: Sequence[KeptVersion] = ()
    #: The ids of the connector's tariffs when the session started; None: that is not known.
    offered: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """What we think of a CDR."""

    #: By the rules of the hub.
    verdict: Verdict
    #: By ours.
    findings: tuple[Finding, ...] = ()
    #: The price by the tariffs that the CDR brings, exact; None where there is none.
    own: PriceStatement | None = None
    #: The price by those that were published, exact; None where there is none, or it is no other.
    published: PriceStatement | None = None
    #: Each amount of the CDR beside that price.
    differences: tuple[Difference, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """The check as JSON values, to be kept: they do not change with what they were made from."""
        told = as_data(self.verdict)
        findings = [*told["findings"], *as_data(Verdict(self.findings))["findings"]]
        expected = self.own if self.published is None else self.published
        explained = None if expected is None else explain(expected)
        return {
            "is_disputed": any(each["severity"] in _GRAVE for each in findings),
            "findings": findings,
            "differences": told["differences"],
            "by_published": as_data(Verdict(differences=self.differences))["differences"],
            "expected": None if explained is None else explained.data,
            "words": [] if explained is None else list(explained.words),
        }


def checked(value: Any, cdr: CDR, known: Known, published: Published, measures: Plausibility) -> Check:
    """Check a CDR.

    Args:
        value: The CDR as it came, decoded.
        cdr: The same, read.
        known: What the rules of the hub look at.
        published: What we were told of prices.
        measures: How far a CDR may be off.
    """
    verdict = judged(value, known, measures)
    zone = time_zone(cdr, known)
    try:
        with localcontext(prec=_DIGITS):
            own = reckoned(cdr, known, measures)
            mine = own if isinstance(own, PriceStatement) else None
            return _by_published(cdr, mine, zone, verdict, _Prices(cdr, published, measures))
    except ArithmeticError:  # the verdict says so
        return Check(verdict)


@dataclass(frozen=True, slots=True)
class _Prices:
    """A CDR beside the tariffs that were published."""

    cdr: CDR
    published: Published
    measures: Plausibility

    def named(self) -> list[tuple[str, str]]:
        """The tariffs by which the CDR is priced, each once, and where it says so."""
        periods = enumerate(self.cdr.charging_periods)
        named = [(f"/charging_periods/{place}/tariff_id", each.tariff_id) for place, each in periods]
        found: dict[str, tuple[str, str]] = {}
        for pointer, tariff_id in named:
            if tariff_id is not None:
                found.setdefault(tariff_id.upper(), (pointer, tariff_id))
        if not found and len(self.cdr.tariffs) == 1:
            return [("/tariffs/0/id", self.cdr.tariffs[0].id)]
        return list(found.values())

    def candidates(self, tariff_id: str) -> list[Tariff]:
        """The versions that may have been shown at the start, the newest last."""
        versions = [each.version for each in self.published.versions]
        return valid_at(versions, tariff_id, self.cdr.start_date_time, self.measures.tariff)

    def valid(self, tariff_id: str) -> Tariff | None:
        """The version that was valid at the start; one that was replaced just before, if the CDR has that."""
        candidates = self.candidates(tariff_id)
        own = next((each for each in self.cdr.tariffs if each.id.upper() == tariff_id.upper()), None)
        same = [each for each in candidates if own is not None and same_price(own, each)]
        return next(iter(reversed(same or candidates)), None)

    def instead_of(self, tariff_id: str) -> Tariff | None:
        """The tariff of the connector that should have been taken; None: it was, or that is not known."""
        offered = [self.valid(each) for each in self.published.offered or ()]
        there = [each for each in offered if each is not None]
        if not there or len(there) < len(offered):
            return None  # what we were not told of may be the one
        ad_hoc = self.cdr.cdr_token.type == TokenType.AD_HOC_USER
        for each in there:
            fits = each.type is None or (each.type == TariffType.AD_HOC_PAYMENT) == ad_hoc
            if fits and each.id.upper() == tariff_id.upper():
                return None
        return next(iter(tariffs_for(there, start=self.cdr.start_date_time, ad_hoc=ad_hoc)), None)

    def as_published(self) -> CDR | None:
        """The CDR with the tariffs that were published; None where not all of them are known."""
        instead = {
            tariff_id.upper(): self.instead_of(tariff_id) or self.valid(tariff_id)
            for _, tariff_id in self.named()
        }
        found = {name: each for name, each in instead.items() if each is not None}
        if not found or len(found) < len(instead):
            return None
        is_named = any(each.tariff_id for each in self.cdr.charging_periods)
        only = next(iter(found))

        def period(each: ChargingPeriod) -> ChargingPeriod:
            name = each.tariff_id.upper() if each.tariff_id else None if is_named else only
            return each if name is None else each.model_copy(update={"tariff_id": found[name].id})

        return self.cdr.model_copy(
            update={
                "tariffs": tuple({each.id.upper(): each for each in found.values()}.values()),
                "charging_periods": tuple(map(period, self.cdr.charging_periods)),
            }
        )

    def findings(self) -> Iterator[Finding]:
        """What is to be said of the tariffs as such."""
        start = self.cdr.start_date_time
        versions = [each.version for each in self.published.versions]
        for pointer, tariff_id in self.named():
            if not is_known_at(versions, tariff_id, start):
                yield _note(NOT_PUBLISHED, pointer, f"{tariff_id} had not been published at the start")
            if (instead := self.instead_of(tariff_id)) is not None:
                said = f"{tariff_id} is not for such a session at this connector, {instead.id} is"
                values = {"asked": tariff_id, "offered": list(self.published.offered or ())}
                yield Finding(OF_CONNECTOR, Severity.HOLD, pointer, said, values)
            yield from self._told_late(pointer, tariff_id)

    def _told_late(self, pointer: str, tariff_id: str) -> Iterator[Finding]:
        """What is valid came when the session had begun, and until then we showed what was before it."""
        valid, start = self.valid(tariff_id), self.cdr.start_date_time
        own = [
            each for each in self.published.versions if each.version.tariff_id.upper() == tariff_id.upper()
        ]
        if valid is None or all(each.received_at > start for each in own):
            return
        for each in own:
            if each.version.tariff is valid and each.received_at > start + self.measures.tariff:
                said = f"{tariff_id} as it is since {each.version.since} came to us after the start"
                yield _note(TOLD_LATE, pointer, said, received_at=each.received_at)


def _by_published(
    cdr: CDR, own: PriceStatement | None, zone: str | None, verdict: Verdict, prices: _Prices
) -> Check:
    findings = [*prices.findings()]
    if zone is None:
        place = cdr.cdr_location.id
        findings.append(_note(NO_TIME_ZONE, "/cdr_location/id", f"the time zone of {place} is not known"))
    as_published = prices.as_published()
    if as_published is None:
        return Check(verdict, tuple(findings), own)
    try:
        expected = price_cdr(as_published, time_zone=zone)
    except CannotBePriced as error:
        said = f"cannot be priced by what was published at the start: {error.reason}"
        findings.append(Finding(PUBLISHED_TOTAL, Severity.HOLD, error.pointer, said))
        return Check(verdict, tuple(findings), own)
    off = tuple(differences(cdr, expected))
    if own is not None and off == tuple(differences(cdr, own)):
        return Check(verdict, tuple(findings), own)
    findings += _too_far(cdr, off, prices.measures)
    return Check(verdict, tuple(findings), own, expected, off)


def _too_far(cdr: CDR, found: Iterable[Difference], measures: Plausibility) -> Iterator[Finding]:
    for each in found:
        is_total = each.pointer.startswith("/total_cost/")
        if abs(each.amount) > (measures.total if is_total else measures.line):
            yield Finding(
                PUBLISHED_TOTAL if is_total else PUBLISHED_LINES,
                Severity.HOLD,
                each.pointer,
                f"asks for {each.asked} {cdr.currency}, by the tariff published at the start it is"
                f" {each.priced}",
                {"asked": each.asked, "priced": each.priced, "difference": each.amount},
            )


def _note(rule: str, pointer: str, message: str, **values: Any) -> Finding:
    return Finding(rule, Severity.NOTE, pointer, message, values)
