"""Quirks: where a platform does otherwise than OCPI says, found out and shown rather than typed in.

What is known of a platform's quirks is a value in the Directory: who sends, pulls or explains reads it
there. What is observed of each and what the hub does about it stands in `QUIRKS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from schemas.v2_2_1 import InterfaceRole

#: Values that most quirks share: the platform does it, or it does not.
YES, NO = "yes", "no"
MISSING, THERE = "missing", "there"
#: Which URLs want a slash.
AT_MODULE, EVERYWHERE = "module", "all"


class Quirk(StrEnum):
    """What platforms are known to do in their own way; the values are what an operator types."""

    #: What is seen is counted by it; Enum's own is written in Python.
    __hash__ = str.__hash__

    TOKEN = "token"  # noqa: S105 the name of a quirk
    TOKEN_SHOWN = "token-shown"  # noqa: S105 the name of a quirk
    TOKEN_SCHEME = "token-scheme"  # noqa: S105 the name of a quirk
    TRAILING_SLASH = "trailing-slash"
    REDIRECT = "redirect"
    LOWER_CASE = "lower-case"
    NULLS = "nulls"
    SINGLE_OBJECT = "single-object"
    EMPTY_LINK = "empty-link"
    PATCH = "patch"
    PUSH = "push"
    IDS_IN_ANSWERS = "ids-in-answers"
    IDS_IN_REQUESTS = "ids-in-requests"
    ROUTING_IN_ANSWERS = "routing-in-answers"
    ROUTING_IN_REQUESTS = "routing-in-requests"
    BARE_ERRORS = "bare-errors"
    CREATED = "created"


@dataclass(frozen=True, slots=True)
class Described:
    """A quirk in words, and the values it may have."""

    #: What OCPI wants, which is no quirk.
    usual: str
    #: What else a platform may do. `redirect` may also have a URL, which only observation gives it.
    odd: tuple[str, ...]
    observed: str
    done: str
    #: Where it matters.
    where: str
    #: What is learnt ends when OCPI's own was seen so often in a row.
    ends_after: int = 20
    #: Whether the hub, acting upon it, would never see it end: it is forgotten for a try, once a day.
    is_tried_again: bool = False

    @property
    def values(self) -> tuple[str, ...]:
        """What an operator may pin."""
        return (self.usual, *self.odd)


QUIRKS: Final[Mapping[Quirk, Described]] = MappingProxyType(
    {
        Quirk.TOKEN: Described(
            "base64",
            ("raw",),
            "401 to the token in one encoding, success with the other, in a handshake or a question for life",
            "shows it the token so",
            "every request to it",
            ends_after=1,
        ),
        Quirk.TOKEN_SHOWN: Described(
            "base64", ("raw",), "it shows its token without Base64", "takes both", "its requests"
        ),
        Quirk.TOKEN_SCHEME: Described(
            "Token", ("other",), "`token` or `TOKEN` before the token", "takes any case", "its requests"
        ),
        Quirk.TRAILING_SLASH: Described(
            NO,
            (AT_MODULE, EVERYWHERE),
            "a module's URL is 404 or a redirect without a slash at its end, and works with one",
            "adds the slash: to the module's URL, or to every URL below it as well",
            "relays, deliveries, pulls, by module and interface",
            ends_after=3,
        ),
        Quirk.REDIRECT: Described(
            NO,
            (),
            "307 or 308 (to a GET also 301) to another URL of its own hosts, which works",
            "follows with method, body and token, and calls the new URL from then on; never another host",
            "relays, deliveries, pulls, handshakes, by module and interface",
            ends_after=3,
        ),
        Quirk.LOWER_CASE: Described(
            NO,
            (YES,),
            "country code, party id, role or interface role in small letters",
            "reads them as if they were capitals, and spells its parties as it does when it is addressed",
            "handshakes, headers to it",
            ends_after=1,
        ),
        Quirk.NULLS: Described(
            NO,
            (YES,),
            "`null` for what is absent",
            "reads it as absent, and in a list as nothing",
            "handshakes, pulls",
        ),
        Quirk.SINGLE_OBJECT: Described(
            NO,
            (YES,),
            "a single object where a list is due",
            "reads it as a list of one",
            "handshakes, pulls",
        ),
        Quirk.EMPTY_LINK: Described(
            NO,
            (YES,),
            "a Link header that names no next page",
            "takes the page for the last one",
            "pulls, relayed pages",
        ),
        Quirk.PATCH: Described(
            YES,
            (NO,),
            "405 or 501 to a PATCH; or three PATCHes in a row failed while the whole object was taken",
            "sends the whole object with PUT; a relayed PATCH stays one",
            "deliveries",
            ends_after=1,
            is_tried_again=True,
        ),
        Quirk.PUSH: Described(
            YES,
            (NO,),
            "its objects change, and it sends nothing",
            "pulls",
            "objects that the hub keeps",
            ends_after=1,
        ),
        Quirk.IDS_IN_ANSWERS: Described(
            THERE,
            (MISSING,),
            "an answer without the request's X-Request-ID or X-Correlation-ID",
            "fills them in",
            "answers that are relayed",
        ),
        Quirk.IDS_IN_REQUESTS: Described(
            THERE,
            (MISSING,),
            "a request without X-Request-ID or X-Correlation-ID",
            "makes them",
            "its requests",
        ),
        Quirk.ROUTING_IN_ANSWERS: Described(
            THERE,
            (MISSING,),
            "an answer without OCPI-to or OCPI-from headers",
            "fills them in",
            "answers that are relayed",
        ),
        Quirk.ROUTING_IN_REQUESTS: Described(
            THERE,
            (MISSING,),
            "a request without OCPI-from headers, from a platform with one party",
            "fills them in",
            "its requests",
        ),
        Quirk.BARE_ERRORS: Described(
            NO,
            (YES,),
            "an HTTP error without an OCPI envelope",
            "judges a delivery by the HTTP status; hands on 404 and 405 in an envelope of its own, with 4000",
            "deliveries, relays",
        ),
        Quirk.CREATED: Described(
            "201",
            ("200", "always"),
            "200 for a CDR that is new, or 201 where nothing can be new",
            "takes both for success",
            "deliveries, relays",
        ),
    }
)


class Pushes(StrEnum):
    """Whether a platform sends what changes, or the hub must pull it."""

    UNKNOWN = "unknown"
    YES = YES
    NO = NO


class Source(StrEnum):
    """How a quirk is known."""

    OBSERVED = "observed"
    #: By an operator; no observation changes it.
    PINNED = "pinned"


class Known(NamedTuple):
    """What is known of one quirk."""

    value: str
    source: Source = Source.OBSERVED


#: A quirk, and what it is about: empty for the whole platform, else such as `locations RECEIVER`.
Place = tuple[Quirk, str]
#: Those that say where a URL really is.
OF_URLS: Final = frozenset({Quirk.REDIRECT, Quirk.TRAILING_SLASH})
#: What the quirks of a versions URL are about.
VERSIONS: Final = "versions"


class Seen(NamedTuple):
    """One observation: what a platform did, whether a quirk or OCPI's own."""

    quirk: Quirk
    value: str
    #: Of the exchange in which it was seen.
    correlation_id: str
    about: str = ""

    @property
    def is_usual(self) -> bool:
        """Whether it is what OCPI wants."""
        return self.value == QUIRKS[self.quirk].usual


def about(module: str, interface: InterfaceRole) -> str:
    """What the quirks of an interface's URL are about."""
    return f"{module} {interface}"


#: Told of what a platform was seen to do; costs next to nothing.
Observe = Callable[[int, Seen], None]


def unobserved(_platform_id: int, _seen: Seen) -> None:
    """Where nobody learns."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """What is known of a platform's quirks, as the Directory has it."""

    known: Mapping[Place, Known] = field(default_factory=dict)
    #: Whether anything at all is not OCPI's own way: mostly nothing is, and each message asks often.
    is_odd: bool = field(init=False)
    #: Those with a value that is not OCPI's own, somewhere at least.
    odd: frozenset[Quirk] = field(init=False)
    #: Whether anything is known of where URLs really are.
    knows_urls: bool = field(init=False)

    def __post_init__(self) -> None:
        known = self.known.items()
        odd = frozenset(quirk for (quirk, _), each in known if each.value != QUIRKS[quirk].usual)
        object.__setattr__(self, "odd", odd)
        object.__setattr__(self, "is_odd", bool(odd))
        object.__setattr__(self, "knows_urls", any(quirk in OF_URLS for quirk, _ in self.known))

    def value(self, quirk: Quirk, about: str = "") -> str:
        """The value in force: pinned, observed, or OCPI's own."""
        found = self.pinned(quirk) or self.known.get((quirk, about))
        return QUIRKS[quirk].usual if found is None else found.value

    def pinned(self, quirk: Quirk) -> Known | None:
        """What an operator has pinned; it holds for all modules."""
        found = self.known.get((quirk, ""))
        return found if found is not None and found.source is Source.PINNED else None

    def has(self, quirk: Quirk, about: str = "") -> bool:
        """Whether the platform does otherwise than OCPI says."""
        return quirk in self.odd and self.value(quirk, about) != QUIRKS[quirk].usual

    @property
    def pushes(self) -> Pushes:
        """Whether the platform sends what changes."""
        found = self.known.get((Quirk.PUSH, ""))
        return Pushes.UNKNOWN if found is None else Pushes(found.value)

    def url(self, registered: str, about: str) -> str:
        """Where a URL that the platform gave really is: moved perhaps, and with its slash."""
        if not self.knows_urls:
            return registered
        moved = self.known.get((Quirk.REDIRECT, about))
        url = registered if moved is None or self.pinned(Quirk.REDIRECT) else moved.value
        return with_slash(url) if self.has(Quirk.TRAILING_SLASH, about) else url

    @property
    def takes_patch(self) -> bool:
        """Whether a PATCH makes sense; otherwise it is sent the whole object."""
        return not self.has(Quirk.PATCH)


def with_slash(url: str) -> str:
    """The URL with a slash at the end of its path."""
    path, mark, query = url.partition("?")
    return url if path.endswith("/") else f"{path}/{mark}{query}"


NO_QUIRKS = Quirks()
