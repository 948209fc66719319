"""The lists of a platform's Sender interfaces, and how one is asked for a page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from hub.conformance.report import Check, json_word
from hub.conformance.visit import Visit
from hub.ocpi.client import Answer
from hub.ocpi.description import Module
from hub.ocpi.headers import NO_ROUTING, Routing
from hub.ocpi.modules import MODULES
from hub.ocpi.timestamps import parse_timestamp
from schemas.v2_2_1 import InterfaceRole
from schemas.wire_object import WireObject

#: Older than anything: the dates of all objects lie after it.
LONG_AGO = "2010-01-01T00:00:00Z"
#: Younger than anything.
FAR_AHEAD = "2100-01-01T00:00:00Z"


class Item(NamedTuple):
    """An object in a list, as far as it can be read."""

    value: dict[str, Any]
    #: Owner and id, folded; what makes it one of its kind.
    key: tuple[str, ...]
    last_updated: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of one module."""

    visit: Visit
    module: str
    model: type[WireObject]
    id_fields: tuple[str, ...]
    url: str
    routing: Routing

    @property
    def subject(self) -> str:
        """How the report names it."""
        return f"{self.module} {InterfaceRole.SENDER}"

    def check(self, rows: str, title: str) -> Check:
        """A check of this list."""
        return self.visit.report.check(rows, self.subject, title)

    async def page(self, url: str, check: Check) -> tuple[Answer, list[Item]] | None:
        """The answer with its objects; None, and a problem, where there is no list."""
        answer = await self.visit.get(url, routing=self.routing)
        if answer is None:
            check.fails("no answer", url)
            return None
        if not answer.is_success or answer.envelope is None:
            check.fails(str(answer.refusal()), url)
            return None
        data = answer.envelope.data
        if not isinstance(data, list):
            check.fails(f"expected a list in data, got {json_word(data)}", url)
            return None
        return answer, [self._item(each) for each in data]

    def asking(self, **parameters: object) -> str:
        """The URL of the list with these parameters."""
        # The date is marked as required for sessions, and harmless elsewhere (SES-02).
        given = {"date_from": LONG_AGO} | parameters if self.module == "sessions" else parameters
        separator = "&" if urlsplit(self.url).query else "?"
        return f"{self.url}{separator}{urlencode(given)}" if given else self.url

    def _item(self, value: Any) -> Item:
        fields = value if isinstance(value, dict) else {}
        key = tuple(
            str(fields.get(name, "")).upper() for name in ("country_code", "party_id", *self.id_fields)
        )
        try:
            moment = parse_timestamp(str(fields.get("last_updated")))
        except ValueError:
            moment = None
        return Item(fields, key, moment)


def lists(visit: Visit) -> Iterator[Listed]:
    """The lists that the platform offers."""
    for (name, side), url in visit.endpoints.items():
        if side is not InterfaceRole.SENDER or name not in MODULES:
            continue
        module = MODULES[name]
        paged = next((each for each in module.by_interface.get(side, ()) if each.paged), None)
        if paged is None or paged.answer is None:
            continue
        yield Listed(visit, name, paged.answer, _id_fields(module), url, _routing(visit, module))


def _id_fields(module: Module) -> tuple[str, ...]:
    if module.kind is None:
        return ("role",)
    variant = () if module.kind.variant is None else (module.kind.variant[0],)
    return (module.kind.id_field, *variant)


def _routing(visit: Visit, module: Module) -> Routing:
    return visit.routing(*module.sender_roles) if module.is_routed else NO_ROUTING
