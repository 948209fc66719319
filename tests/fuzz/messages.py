"""Messages of every operation that the hub has, right to begin with."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

from hub.ocpi.description import Operation, ResponseUrl
from hub.ocpi.modules import MODULES
from schemas import exact_json
from schemas.v2_2_1 import CDR, InterfaceRole, Location, Role, Session, Tariff, Token
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, TARIFF, TOKEN
from tests.fuzz.mutations import odd_headers, odd_query, spoiled_tail, spoiled_text, spoiled_value

EXAMPLES = Path(__file__).parents[1] / "fixtures" / "ocpi-2.2.1-examples"
RIVAL = "DE/RIV"
#: Marks what is for one eMSP alone.
SECRETS = {EMSP: "for-nobody-but-tnm", RIVAL: "for-nobody-but-riv"}
LATER = "2026-02-01T10:00:00Z"
#: How often a part of a message is spoiled.
OFTEN, SOMETIMES, SELDOM = 0.5, 0.25, 0.1


@dataclass(frozen=True, slots=True)
class Attack:
    """One request of one partner."""

    #: cpo, emsp or rival.
    who: str
    method: str
    #: The path below the hub's base URL.
    path: str
    body: bytes
    to: str | None
    sender: str
    headers: dict[str, str] = field(default_factory=dict)


def _examples(pattern: str, **changes: Any) -> Iterator[dict[str, Any]]:
    for path in sorted(EXAMPLES.glob(f"{pattern}.json")):
        yield exact_json.decode(path.read_bytes()) | changes


def _owned(party: str) -> dict[str, str]:
    country_code, party_id = party.split("/")
    return {"country_code": country_code, "party_id": party_id}


CPOS, EMSPS = _owned(CPO), _owned(EMSP)
CALLBACK = {"response_url": "OWN/r"}
PROFILE = {"charging_rate_unit": "A", "start_date_time": LATER}
BODIES: dict[str, tuple[dict[str, Any], ...]] = {
    Location.__name__: (LOCATION, *_examples("location_example*", **CPOS, last_updated=LATER)),
    Tariff.__name__: (TARIFF, *_examples("tariff_[0-9]*", **CPOS)),
    Token.__name__: (TOKEN, *_examples("token_example*", **EMSPS)),
    Session.__name__: tuple(_examples("session_example*", **CPOS)),
    CDR.__name__: tuple(_examples("cdr_example*", **CPOS)),
    "EVSE": (LOCATION["evses"][0],),
    "Connector": (LOCATION["evses"][0]["connectors"][0],),
    "StartSession": ({**CALLBACK, "token": TOKEN, "location_id": "LOC1"},),
    "StopSession": ({**CALLBACK, "session_id": "101"},),
    "ReserveNow": (
        {**CALLBACK, "token": TOKEN, "expiry_date": LATER, "reservation_id": "R1", "location_id": "LOC1"},
    ),
    "CancelReservation": ({**CALLBACK, "reservation_id": "R1"},),
    "UnlockConnector": ({**CALLBACK, "location_id": "LOC1", "evse_uid": "3256", "connector_id": "1"},),
    "CommandResult": ({"result": "ACCEPTED"},),
    "LocationReferences": ({"location_id": "LOC1"},),
    "ChargingPreferences": ({"profile_type": "GREEN"},),
    "SetChargingProfile": ({**CALLBACK, "charging_profile": PROFILE},),
    "ActiveChargingProfile": ({"start_date_time": LATER, "charging_profile": PROFILE},),
}
#: What paths name where the body says nothing else.
IDS = {
    "country_code": "BE", "party_id": "BEC", "location_id": "LOC1", "evse_uid": "3256", "connector_id": "1",
    "tariff_id": "T1", "token_uid": "012345678", "session_id": "101",
}  # fmt: skip
#: What the hub answers by itself, and what is nowhere; below its base URL.
OWN_PATHS = (
    "", "/", "/credentials", "//credentials//", "/sender/hubclientinfo", "/receiver/hubclientinfo/BE/BEC",
    "/via/x", "/via/", "/x", "/../versions",
)  # fmt: skip
CREDENTIALS = {
    "token": "t" * 20,
    "url": "http://127.0.0.1:1/ocpi/versions",
    "roles": [{**CPOS, "role": "CPO", "business_details": {"name": "x"}}],
}
SECRET_MODULES = frozenset({"sessions", "cdrs"})


def attacks(chance: Random) -> Iterator[Attack]:
    """Messages without end."""
    every = [(module, each) for module in MODULES.values() if module.is_routed for each in module.operations]
    while True:
        module, operation = chance.choice(every)
        yield _attack(module.id, operation, chance) if chance.random() > SELDOM else _elsewhere(chance)


def _elsewhere(chance: Random) -> Attack:
    """A request for what the hub answers by itself, or for what is not there."""
    who = chance.choice(("cpo", "emsp"))
    sender = CPO if who == "cpo" else EMSP
    method = chance.choice(("GET", "PUT", "PATCH", "POST", "HEAD"))
    path = chance.choice(OWN_PATHS) + (f"?{odd_query(chance)}" if chance.random() < OFTEN else "")
    # Nobody answers at this URL: what is asked of the credentials is refused, whatever the body is.
    body = (
        exact_json.encode(spoiled_value(CREDENTIALS, chance)) if method in {"PUT", "POST", "PATCH"} else b""
    )
    return Attack(who, method, path, body, chance.choice((HUB, None)), sender, odd_headers(chance))


def _attack(module: str, operation: Operation, chance: Random) -> Attack:
    sends = MODULES[module].roles(operation.interface)
    who = "emsp" if Role.CPO in sends else "cpo"
    sender = EMSP if who == "emsp" else CPO
    to: str | None = CPO if who == "emsp" else EMSP
    value = _value(operation, chance)
    is_secret = module in SECRET_MODULES
    if is_secret and who == "cpo" and isinstance(value, dict):
        to = chance.choice((EMSP, RIVAL))
        value = {**value, "authorization_reference": SECRETS[to]}
        if "cdr_token" in value:
            value["cdr_token"] = {**value["cdr_token"], **_owned(to)}
    elif chance.random() < OFTEN:
        to = chance.choice((HUB, HUB, None, RIVAL, "XX/XXX", "nl/tnm"))
    tail = _tail(operation, value, chance)
    query = "type=RFID" if module == "tokens" and chance.random() < OFTEN else ""
    body = b"" if value is None else _body(value, chance, is_secret=is_secret)
    if operation.response_url is ResponseUrl.QUERY:
        query = "duration=60&response_url=OWN%2Fr"
    headers: dict[str, str] = {}
    method = operation.method
    if chance.random() < SELDOM:
        tail = spoiled_tail(tail, chance)
    if chance.random() < SELDOM:
        query = odd_query(chance)
    if chance.random() < SELDOM:
        headers = odd_headers(chance)
    if chance.random() < SELDOM:
        method = chance.choice(("GET", "PUT", "PATCH", "POST", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"))
    path = f"/{operation.interface.lower()}/{module}{tail}{'?' if query else ''}{query}"
    return Attack(who, method, path, body, to, sender, headers)


def _value(operation: Operation, chance: Random) -> dict[str, Any] | None:
    if operation.body is None:
        return None
    value = chance.choice(BODIES.get(operation.body.__name__, ({},)))
    if operation.partial:
        names = chance.sample(sorted(value), min(3, len(value)))
        return {name: value[name] for name in names} | {"last_updated": LATER}
    return dict(value)


def _body(value: dict[str, Any], chance: Random, *, is_secret: bool) -> bytes:
    """The body; what is secret keeps its mark and whom it is for, or nobody could tell a leak."""
    kept = {
        name: value[name] for name in ("authorization_reference", "cdr_token") if is_secret and name in value
    }
    if chance.random() < OFTEN:
        spoiled = spoiled_value(value, chance)
        value = {**spoiled, **kept} if isinstance(spoiled, dict) else value
    body = exact_json.encode(value)
    return spoiled_text(body, chance) if not is_secret and chance.random() < SELDOM else body


def _tail(operation: Operation, value: dict[str, Any] | None, chance: Random) -> str:
    known = IDS
    given = value or {}
    owner = {name: str(given.get(name, known[name])) for name in ("country_code", "party_id")}
    if operation.interface is InterfaceRole.RECEIVER and "token_uid" in "".join(operation.path):
        owner = {"country_code": "NL", "party_id": "TNM"}
    ids = {"evse_uid": given.get("uid"), "connector_id": given.get("id"), "token_uid": given.get("uid")}
    own_id = given.get("id")
    found = known | owner | {name: str(each) for name, each in ids.items() if each is not None}
    last = next((segment[1:-1] for segment in reversed(operation.path) if segment.startswith("{")), "")
    if own_id is not None and last in {"location_id", "tariff_id", "session_id"}:
        found[last] = str(own_id)
    segments = (found.get(each[1:-1], "x") if each.startswith("{") else each for each in operation.path)
    return "".join(
        f"/{chance.choice(('x', '')) if each == '*' else quote(each, safe='')}" for each in segments
    )
