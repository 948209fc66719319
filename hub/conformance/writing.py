"""Pushes into a platform's Receiver interfaces: objects of a test party, marked as such, and undone.

Only objects that can be undone are pushed: a tariff is deleted, a token made invalid, a location loses its
EVSEs. Sessions and CDRs cannot be undone and are left alone.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from hub.conformance.report import Check
from hub.conformance.visit import Visit
from hub.ocpi.client import Answer
from hub.ocpi.modules import MODULES
from hub.ocpi.timestamps import Clock, format_timestamp
from hub.ocpi.transport import joined_url
from schemas.v2_2_1 import InterfaceRole

#: Marks what is pushed, so that people who see it know what it is.
MARK = "OCPI conformance test"
CREATED, OK, BAD_REQUEST, NOT_FOUND, METHOD_NOT_ALLOWED = 201, 200, 400, 404, 405
INVALID_PARAMETERS = 2001


@dataclass(frozen=True, slots=True)
class Kind:
    """An object that can be pushed and undone."""

    module: str
    #: Makes it, whole, by its id and moment.
    whole: Callable[[Visit, str, str], dict[str, Any]]
    #: An optional field, which must be gone after a PUT without it.
    optional: str
    #: A required field.
    required: str
    #: A change of one field.
    change: Mapping[str, Any]
    #: Methods that the object does not have.
    not_allowed: tuple[str, ...]
    #: What makes it ineffective: a last PUT of the object with these fields; None to DELETE it.
    withdrawn: Mapping[str, Any] | None
    has_patch: bool = True


def _location(visit: Visit, object_id: str, moment: str) -> dict[str, Any]:
    evse = {
        "uid": f"{object_id}-1",
        "status": "INOPERATIVE",
        "connectors": [
            {
                "id": "1",
                "standard": "IEC_62196_T2",
                "format": "SOCKET",
                "power_type": "AC_3_PHASE",
                "max_voltage": 230,
                "max_amperage": 16,
                "last_updated": moment,
            }
        ],
        "last_updated": moment,
    }
    return {
        "country_code": visit.us.country_code,
        "party_id": visit.us.party_id,
        "id": object_id,
        "publish": False,
        "name": MARK,
        "address": MARK,
        "city": MARK,
        "country": "NLD",
        "coordinates": {"latitude": "52.000000", "longitude": "5.000000"},
        "evses": [evse],
        "time_zone": "Europe/Amsterdam",
        "last_updated": moment,
    }


def _tariff(visit: Visit, object_id: str, moment: str) -> dict[str, Any]:
    return {
        "country_code": visit.us.country_code,
        "party_id": visit.us.party_id,
        "id": object_id,
        "currency": "EUR",
        "tariff_alt_text": [{"language": "en", "text": MARK}],
        "elements": [{"price_components": [{"type": "FLAT", "price": 0, "step_size": 1}]}],
        "last_updated": moment,
    }


def _token(visit: Visit, object_id: str, moment: str) -> dict[str, Any]:
    return {
        "country_code": visit.us.country_code,
        "party_id": visit.us.party_id,
        "uid": object_id,
        "type": "RFID",
        "contract_id": f"{visit.us.country_code}-{visit.us.party_id}-TEST",
        "issuer": MARK,
        "visual_number": MARK,
        "valid": False,
        "whitelist": "NEVER",
        "last_updated": moment,
    }


KINDS = (
    Kind(
        "locations",
        _location,
        optional="name",
        required="city",
        change={"address": f"{MARK}, changed"},
        not_allowed=("DELETE", "POST"),
        withdrawn={"publish": False, "evses": []},
    ),
    Kind(
        "tariffs",
        _tariff,
        optional="tariff_alt_text",
        required="currency",
        change={"currency": "SEK"},
        not_allowed=("PATCH", "POST"),
        withdrawn=None,
        has_patch=False,
    ),
    Kind(
        "tokens",
        _token,
        optional="visual_number",
        required="issuer",
        change={"issuer": f"{MARK}, changed"},
        not_allowed=("DELETE", "POST"),
        withdrawn={"valid": False},
    ),
)


async def write_and_undo(visit: Visit, clock: Clock) -> None:
    """Push one object of each kind that the platform receives, look at what becomes of it, and undo it."""
    for kind in KINDS:
        endpoint = visit.endpoints.get((kind.module, InterfaceRole.RECEIVER))
        if endpoint is None:
            continue
        async with _undone(_Pushed(visit, kind, endpoint, f"TEST-{visit.new_id()[:8]}", clock())) as pushed:
            await _push(pushed)


@dataclass(slots=True)
class _Pushed:
    """An object of the test party at the platform."""

    visit: Visit
    kind: Kind
    endpoint: str
    object_id: str
    now: datetime
    steps: int = field(default=0)

    def check(self, rows: str, title: str) -> Check:
        """A check of this interface."""
        return self.visit.report.check(rows, f"{self.kind.module} {InterfaceRole.RECEIVER}", title)

    def whole(self) -> dict[str, Any]:
        """The object, with a later moment each time."""
        self.steps += 1
        moment = format_timestamp(self.now + timedelta(milliseconds=self.steps))
        return self.kind.whole(self.visit, self.object_id, moment)

    async def ask(
        self, method: str, value: Any = None, *, body: bytes = b"", object_id: str = ""
    ) -> Answer | None:
        """A request for the object."""
        us = self.visit.us
        path = "/".join(
            quote(each, safe="") for each in (us.country_code, us.party_id, object_id or self.object_id)
        )
        routing = self.visit.routing(*MODULES[self.kind.module].receiver_roles)
        return await self.visit.ask(
            method, joined_url(self.endpoint, f"/{path}"), value=value, body=body, routing=routing
        )

    async def stored(self) -> dict[str, Any] | None:
        """The object as the platform gives it back."""
        answer = await self.ask("GET")
        data = (
            answer.envelope.data
            if answer is not None and answer.envelope is not None and answer.is_success
            else None
        )
        return data if isinstance(data, dict) else None


@asynccontextmanager
async def _undone(pushed: _Pushed) -> AsyncIterator[_Pushed]:
    """The object is withdrawn at the end, whatever happens."""
    try:
        yield pushed
    finally:
        check = pushed.check("TAR-02 TOK-01 LOC-09", "what was pushed can be undone")
        if pushed.kind.withdrawn is None:
            answer = await pushed.ask("DELETE")
            gone = await pushed.ask("GET")
            status = None if gone is None else gone.reply.status
            check.expects(holds=status == NOT_FOUND, message=f"after DELETE, GET gives HTTP {status}")
        else:
            answer = await pushed.ask("PUT", pushed.whole() | dict(pushed.kind.withdrawn))
        check.expects(holds=answer is not None and answer.is_success, message=_said(answer))


async def _push(pushed: _Pushed) -> None:
    stored = pushed.check("TR-15 TR-24 TR-25", "PUT stores: HTTP 201 when it is new, 200 when it replaces")
    for expected in (CREATED, OK):
        answer = await pushed.ask("PUT", pushed.whole())
        is_stored = answer is not None and answer.is_success
        stored.expects(holds=is_stored, message=_said(answer))
        if answer is not None and is_stored and answer.reply.status != expected:
            stored.warns(f"expected HTTP {expected}, got {answer.reply.status}")
        if not is_stored:
            return
    await _replaced(pushed)
    if pushed.kind.has_patch:
        await _patched(pushed)
    await _refused(pushed)


async def _replaced(pushed: _Pushed) -> None:
    check = pushed.check("TR-21", "PUT replaces: what it leaves out is gone; GET gives back what was pushed")
    value = pushed.whole()
    del value[pushed.kind.optional]
    await pushed.ask("PUT", value)
    stored = await pushed.stored()
    if stored is None:
        check.fails("GET does not give the object back")
        return
    check.expects(
        holds=not stored.get(pushed.kind.optional), message=f"{pushed.kind.optional} is still there"
    )
    required = pushed.kind.required
    got = stored.get(required)
    check.expects(
        holds=got == value[required], message=f"{required}: expected {value[required]!r}, got {got!r}"
    )


async def _patched(pushed: _Pushed) -> None:
    check = pushed.check("TR-22 ST-03", "PATCH changes the given fields and no other, and needs last_updated")
    before = await pushed.stored()
    moment = pushed.whole()["last_updated"]
    answer = await pushed.ask("PATCH", {**pushed.kind.change, "last_updated": moment})
    check.expects(holds=answer is not None and answer.is_success, message=_said(answer))
    after = await pushed.stored()
    expected = None if before is None else {**before, **pushed.kind.change, "last_updated": moment}
    wrong = sorted(set(expected or ()) ^ set(after or ())) or [
        name for name, value in (expected or {}).items() if (after or {}).get(name) != value
    ]
    check.expects(holds=not wrong, message=f"other than expected: {', '.join(wrong)}")
    without = await pushed.ask("PATCH", dict(pushed.kind.change))
    _expect_refusal(check, without, OK, INVALID_PARAMETERS, "PATCH without last_updated")


async def _refused(pushed: _Pushed) -> None:
    not_json = pushed.check("TR-12", "a body that is not JSON is HTTP 400")
    _expect_refusal(not_json, await pushed.ask("PUT", body=b'{"id": '), BAD_REQUEST, None, "half an object")
    invalid = pushed.check("TR-13 ST-03", "an object without a required field is 2001, without an HTTP error")
    value = pushed.whole()
    del value[pushed.kind.required]
    _expect_refusal(
        invalid, await pushed.ask("PUT", value), OK, INVALID_PARAMETERS, f"without {pushed.kind.required}"
    )
    mismatch = pushed.check("TR-27", "ids in the URL and in the body that differ are 2001")
    other = await pushed.ask("PUT", pushed.whole(), object_id=f"{pushed.object_id}-other")
    _expect_refusal(mismatch, other, None, INVALID_PARAMETERS, "another id in the URL")
    methods = pushed.check("TR-40", "methods that OCPI does not have there are HTTP 405")
    for method in pushed.kind.not_allowed:
        answer = await pushed.ask(method, None if method == "DELETE" else pushed.whole())
        _expect_refusal(methods, answer, METHOD_NOT_ALLOWED, None, method)


def _expect_refusal(
    check: Check, answer: Answer | None, status: int | None, code: int | None, what: str
) -> None:
    if answer is None:
        return
    got_code = None if answer.envelope is None else answer.envelope.status_code
    if status is not None:
        check.expects(
            holds=answer.reply.status == status,
            message=f"{what}: expected HTTP {status}, got {answer.reply.status}",
        )
    if code is not None:
        check.expects(holds=got_code == code, message=f"{what}: expected {code}, got {got_code}")
    check.expects(holds=not answer.is_success, message=f"{what}: it was accepted")


def _said(answer: Answer | None) -> str:
    return "no answer" if answer is None else str(answer.refusal())
