"""The words in which a module of OCPI is described: Module, Operation, ObjectKind (design D13)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import unquote

from hub.ocpi.errors import InvalidParameters, MethodNotAllowed, NotFound
from schemas.v2_2_1 import InterfaceRole, Role
from schemas.wire_object import WireObject

#: A template segment that stands for all that follows, also nothing.
REST = "*"


class ResponseUrl(StrEnum):
    """Where a request says to which URL the asynchronous result goes."""

    BODY = "body"
    QUERY = "query"


class Clue(StrEnum):
    """What tells for whom a request is that names nobody in OCPI-to (RT-49)."""

    #: The eMSP of the `cdr_token` in the body.
    CDR_TOKEN = "cdr token"  # noqa: S105 a name
    #: The eMSP of the session that the request is about, as it passed here.
    SESSION_TOKEN = "token of the session"  # noqa: S105 a name
    #: The eMSP that owns the token.
    TOKEN = "token"  # noqa: S105 a name
    #: The CPO of the asker's session.
    SESSION = "session"
    #: The owner of the location.
    LOCATION = "location"
    #: The CPO that took the asker's reservation.
    RESERVATION = "reservation"
    #: Who set a charging profile for the CPO's session last.
    CHARGING_PROFILE = "charging profile"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path below a module's URL (checklist 0.2)."""

    interface: InterfaceRole
    method: str
    #: Path segments: `location_id` in braces is a parameter, others are literal, `*` is the rest.
    path: tuple[str, ...] = ()
    #: The object in the request body, None where there is none or it may be anything.
    body: type[WireObject] | None = None
    body_required: bool = True
    #: The body gives only the fields that change.
    partial: bool = False
    #: The object, or the element of the list, in `data` of the answer.
    answer: type[WireObject] | None = None
    #: The answer is a list in pages.
    paged: bool = False
    #: The request carries a response_url which must lead back through a hub (CMD-07, CHP-10).
    response_url: ResponseUrl | None = None
    #: What a hub itself sends to the response_url where no result comes in time (decision 0024).
    no_result: WireObject | None = None
    #: The answer's Location header must lead back through a hub (CDR-04).
    answers_location: bool = False
    #: What tells for whom it is where OCPI-to does not, None where nothing does (RT-49).
    clue: Clue | None = None
    #: What a hub learns from it once its addressee has accepted it, for requests that name nobody.
    teaches: Clue | None = None
    #: `no_result` as it goes out, empty where there is none.
    no_result_text: bytes = field(init=False, repr=False)

    #: Of each segment whether it is a parameter, and its name or itself.
    _places: tuple[tuple[bool, str], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Write down once what is said again and again."""
        text = b"" if self.no_result is None else self.no_result.to_json()
        object.__setattr__(self, "no_result_text", text)
        fixed = self.path[:-1] if self.has_rest else self.path
        object.__setattr__(self, "_places", tuple((each[0] == "{", each.strip("{}")) for each in fixed))

    @property
    def has_rest(self) -> bool:
        """Whether anything may follow."""
        return bool(self.path) and self.path[-1] == REST

    def parameters(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """The decoded path parameters, None where the path is another one."""
        missing = len(self._places) - len(segments)
        if missing and (missing > 0 or not self.has_rest):
            return None
        found: dict[str, str] = {}
        for (is_parameter, name), segment in zip(self._places, segments, strict=False):
            if is_parameter:
                found[name] = unquote(segment) if "%" in segment else segment
            elif name != segment:
                return None
        return found


class ObjectKey(NamedTuple):
    """What makes a stored object one of its kind: owner, id and, for tokens, type; all folded."""

    module: str
    country_code: str
    party_id: str
    object_id: str
    variant: str = ""


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """The object that a client-owned module is about (2.2.1, Client Owned Objects)."""

    model: type[WireObject]
    #: The field with the object's id.
    id_field: str
    #: The path parameter with the object's id.
    id_parameter: str
    #: The field and query parameter that tells objects with the same id apart, with its default.
    variant: tuple[str, str] | None = None
    #: Path parameters and list fields of what lies inside: a Location's EVSEs and their Connectors.
    nested: tuple["NestedKind", ...] = ()
    #: Sent once, and never changed (CDR-01).
    is_final: bool = False

    def inner(self, parameters: Mapping[str, str]) -> tuple[tuple["NestedKind", str], ...]:
        """The way from the object to what the path names inside it; empty for the object itself."""
        return tuple(
            (kind, parameters[kind.id_parameter]) for kind in self.nested if kind.id_parameter in parameters
        )


@dataclass(frozen=True, slots=True)
class NestedKind:
    """Objects inside an object, with an address of their own."""

    model: type[WireObject]
    #: The field of the parent that lists them.
    list_field: str
    id_field: str
    id_parameter: str

    def place(self, elements: Sequence[Mapping[str, Any]], wanted: str) -> int | None:
        """Where among the parent's elements the one with this id is, None if there is none."""
        ids = (str(element.get(self.id_field)).upper() for element in elements)
        return next((place for place, each in enumerate(ids) if each == wanted.upper()), None)


@dataclass(frozen=True, slots=True)
class Module:
    """One module of OCPI: who plays which side, what can be asked, what may be broadcast."""

    id: str
    operations: tuple[Operation, ...]
    #: Roles whose platforms implement the Sender interface (RT-12).
    sender_roles: frozenset[Role] = frozenset()
    #: Roles whose platforms implement the Receiver interface.
    receiver_roles: frozenset[Role] = frozenset()
    #: Configuration modules carry no routing headers and are never routed (RT-02).
    is_routed: bool = True
    #: Data meant for everybody, which may be sent to the hub as addressee (RT-39).
    is_broadcast: bool = False
    #: Data between two parties, which the hub keeps for these two when they pass (design D4).
    is_kept: bool = False
    kind: ObjectKind | None = None
    by_interface: Mapping[InterfaceRole, tuple[Operation, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_interface = {
            side: tuple(operation for operation in self.operations if operation.interface is side)
            for side in InterfaceRole
        }
        object.__setattr__(self, "by_interface", {k: v for k, v in by_interface.items() if v})

    def roles(self, interface: InterfaceRole) -> frozenset[Role]:
        """The roles that implement this interface."""
        return self.sender_roles if interface is InterfaceRole.SENDER else self.receiver_roles

    def match(self, interface: InterfaceRole, method: str, tail: str) -> "Match":
        """The operation that a method and the raw path below the module's URL mean.

        Raises:
            NotFound: the module has no such path.
            InvalidParameters: a parameter holds what no text of a database can (TR-13).
            MethodNotAllowed: the path has no such method (TR-40).
        """
        segments = tuple(filter(None, tail.split("/")))
        operations = self.by_interface.get(interface, ())
        for operation in operations:
            if operation.method != method:
                continue
            parameters = operation.parameters(segments)
            if parameters is not None:
                _check_text(parameters)
                return Match(operation, parameters)
        allowed = [each.method for each in operations if each.parameters(segments) is not None]
        where = f"{self.id}, {interface.lower()} interface"
        if not allowed:
            raise NotFound(f"{where}: no such path")
        methods = ", ".join(dict.fromkeys(allowed))
        raise MethodNotAllowed(
            f"{where}: this path has {methods}, not {method}", headers=(("Allow", methods),)
        )


def _check_text(parameters: dict[str, str]) -> None:
    for name, value in parameters.items():
        if "\x00" in value:
            raise InvalidParameters(f"{name} in the URL: the character U+0000 is not allowed")


class Match(NamedTuple):
    """An operation with the parameters found in the path."""

    operation: Operation
    parameters: dict[str, str]


def sender(
    method: str,
    path: str = "",
    *,
    body: type[WireObject] | None = None,
    paged: bool = False,
    answer: type[WireObject] | None = None,
    body_required: bool = True,
    clue: Clue | None = None,
) -> Operation:
    """An operation of the Sender interface."""
    return Operation(
        InterfaceRole.SENDER,
        method,
        _segments(path),
        body,
        body_required,
        answer=answer,
        paged=paged,
        clue=clue,
    )


def receiver(
    method: str,
    path: str = "",
    *,
    body: type[WireObject] | None = None,
    answer: type[WireObject] | None = None,
    response_url: ResponseUrl | None = None,
    no_result: WireObject | None = None,
    answers_location: bool = False,
    clue: Clue | None = None,
    teaches: Clue | None = None,
) -> Operation:
    """An operation of the Receiver interface."""
    return Operation(
        InterfaceRole.RECEIVER,
        method,
        _segments(path),
        body,
        answer=answer,
        response_url=response_url,
        no_result=no_result,
        answers_location=answers_location,
        clue=clue,
        teaches=teaches,
    )


def owned(
    methods: str, path: str, model: type[WireObject], *, clue: Clue | None = None
) -> tuple[Operation, ...]:
    """Operations on an object at the address its owner gives it (2.2.1, Client Owned Object Push)."""
    segments = _segments("/{country_code}/{party_id}" + path)
    return tuple(
        Operation(
            InterfaceRole.RECEIVER,
            method,
            segments,
            body=model if method in {"PUT", "PATCH"} else None,
            partial=method == "PATCH",
            answer=model if method == "GET" else None,
            clue=clue,
        )
        for method in methods.split()
    )


def _segments(path: str) -> tuple[str, ...]:
    return tuple(segment for segment in path.split("/") if segment)
