"""URLs that would lead past the hub, and the hub's URLs that stand for them (design D9).

A response_url, the Link of a page and the Location of a CDR point at a platform whose token the other
side does not have. Each is replaced by a URL of the hub: unguessable, good only for the platform that it
was made for, usable more than once (CMD-09), and expiring. (CMD-07 to CMD-10, CHP-10, PG-14 to PG-17,
CDR-04, AM-10.)
"""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote_plus, urlencode

from sqlalchemy import delete, insert, select, text

from hub.calling.hosts import belongs_to
from hub.directory.directory import Platform
from hub.ocpi.errors import InvalidParameters
from hub.ocpi.headers import Routing
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.store.database import EPOCH, Database, microseconds, moment
from hub.store.group_commit import GroupCommit
from hub.store.tables import LinkRow
from schemas import exact_json
from schemas.v2_2_1 import InterfaceRole

#: Path of the links, below the hub's public URL.
VIA = "/ocpi/2.2.1/via"
#: What OCPI allows for a URL (2.2.1, Types, URL).
LONGEST_URL = 255
RESPONSE_URL = "response_url"

NewToken = Callable[[], str]


def unguessable() -> str:
    """192 random bits in URL-safe letters."""
    return secrets.token_urlsafe(24)


class LinkKind(StrEnum):
    """What a link stands for, and so with which method it is used."""

    RESPONSE_URL = "response_url"
    NEXT_PAGE = "next_page"
    CDR_LOCATION = "cdr_location"

    @property
    def method(self) -> str:
        """The one method that makes sense on such a link."""
        return "POST" if self is LinkKind.RESPONSE_URL else "GET"


@dataclass(frozen=True, slots=True)
class Link:
    """A partner's URL, and who may reach it by way of the hub."""

    kind: LinkKind
    #: The platform that may use it.
    platform_id: int
    #: The platform that it leads to.
    target_platform_id: int
    module: str
    interface: InterfaceRole
    #: The routing of the request that is made when the link is used.
    routing: Routing
    url: str
    expires_at: datetime
    #: The correlation id of the request with the response_url.
    correlation_id: str = ""
    #: What the hub itself sends to a response_url where no result comes in time; empty for other links.
    no_result: bytes = b""
    #: When the hub did that, as long as no result has come since.
    timed_out_at: datetime | None = None
    #: Its unguessable name, once it has one.
    token: str = field(default="", repr=False)


class Due(NamedTuple):
    """Until when the result at a link is awaited."""

    token: str
    #: None where it is awaited no more.
    due_at: datetime | None
    #: The link lives at least so long.
    lives_until: datetime = EPOCH


_NEW = insert(LinkRow)
_AWAIT = text(
    "UPDATE link SET due_at = :due_at, expires_at = CASE WHEN expires_at < :lives_until THEN :lives_until"
    " ELSE expires_at END WHERE token = :token AND timed_out_at IS NULL AND answered_at IS NULL"
)
_AWAIT_NO_MORE = text(
    "UPDATE link SET due_at = NULL, timed_out_at = NULL, answered_at = :now WHERE token = :token"
)
#: Whichever comes first, the result or the end of its time: in one process, or in two.
_TIME_OUT = text(
    "UPDATE link SET due_at = NULL, timed_out_at = :now"
    " WHERE token = :token AND timed_out_at IS NULL AND answered_at IS NULL"
)
_ANSWERED = text(
    "WITH before AS (SELECT token, timed_out_at FROM link WHERE token = :token FOR UPDATE)"
    " UPDATE link SET due_at = NULL, timed_out_at = NULL, answered_at = :now FROM before"
    " WHERE link.token = before.token RETURNING before.timed_out_at"
)
_DUES = text("SELECT token, due_at FROM link WHERE due_at IS NOT NULL ORDER BY due_at")


class Links:
    """The links that are in force. Somebody must `run` it for new ones to be kept."""

    def __init__(
        self, database: Database, public_url: str, clock: Clock, new_token: NewToken = unguessable
    ) -> None:
        self._database = database
        #: Whether results may come to another process than to the one that awaits them.
        self.is_shared = database.dialect.is_shared
        self._base = public_url + VIA
        self._clock = clock
        self._new_token = new_token
        self._writer = GroupCommit(self._write)

    async def run(self) -> None:
        """Write new links, those that come at the same time in one transaction, until cancelled."""
        await self._writer.run()

    async def create(self, link: Link) -> str:
        """The hub's URL for a link, which is kept before anybody hears of it.

        Raises:
            ServerError: it could not be kept.
        """
        token = self._new_token()
        to, sender = _both(link.routing)
        row = {
            "token": token,
            "platform_id": link.platform_id,
            "target_platform_id": link.target_platform_id,
            "kind": link.kind,
            "module": link.module,
            "interface": link.interface,
            "to_country_code": to.country_code,
            "to_party_id": to.party_id,
            "from_country_code": sender.country_code,
            "from_party_id": sender.party_id,
            "url": link.url,
            "expires_at": microseconds(link.expires_at),
            "correlation_id": link.correlation_id,
            "no_result": link.no_result.decode(),
        }
        await self._writer.submit(row)
        return f"{self._base}/{token}"

    async def _write(self, rows: Sequence[dict[str, Any]]) -> list[None]:
        async with self._database.writing() as connection:
            await connection.execute(_NEW, rows)
        return [None] * len(rows)

    async def find(self, token: str, platform: Platform) -> Link | None:
        """The link of this token, None where there is none that this platform may use now."""
        query = select(LinkRow.__table__).where(  # type: ignore[attr-defined]  # SQLModel hides the table
            LinkRow.token == token,  # type: ignore[arg-type]  # SQLModel types columns as values
            LinkRow.platform_id == platform.id,  # type: ignore[arg-type]
            LinkRow.expires_at > microseconds(self._clock()),  # type: ignore[arg-type]
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else _link(row)

    async def write_dues(self, dues: Sequence[Due]) -> None:
        """Write down until when results are awaited, in order, in one transaction."""
        async with self._database.writing() as connection:
            now = microseconds(self._clock())
            for is_over, some in groupby(dues, lambda due: due.due_at is None):
                if is_over:
                    await connection.execute(
                        _AWAIT_NO_MORE, [{"token": due.token, "now": now} for due in some]
                    )
                else:
                    await connection.execute(_AWAIT, [_due_row(due) for due in some])

    async def dues(self) -> tuple[Due, ...]:
        """Which results are awaited, as it was written down."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(_DUES)).all()
        return tuple(Due(row.token, moment(row.due_at)) for row in rows)

    async def time_out(self, token: str) -> Link | None:
        """Write down that the result at a link is awaited no more; the link, if it is there still.

        None as well where the result has come to another process, or that has said that there is none.
        """
        async with self._database.writing() as connection:
            done = await connection.execute(_TIME_OUT, {"token": token, "now": microseconds(self._clock())})
            if not done.rowcount:
                return None
            query = select(LinkRow.__table__).where(LinkRow.token == token)  # type: ignore[attr-defined, arg-type]
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else _link(row)

    async def answered(self, token: str) -> datetime | None:
        """A result has come, which another process may await; when the hub had said that there is none."""
        async with self._database.at_once() as connection:
            values = {"token": token, "now": microseconds(self._clock())}
            timed_out_at = (await connection.execute(_ANSWERED, values)).scalar()
        return None if timed_out_at is None else moment(timed_out_at)

    async def forget_expired(self) -> None:
        """Remove the links that nobody may use any more."""
        now = microseconds(self._clock())
        async with self._database.writing() as connection:
            await connection.execute(delete(LinkRow).where(LinkRow.expires_at <= now))  # type: ignore[arg-type]


def token_of(url: str) -> str:
    """The token in a URL of the hub that stands for a partner's."""
    return url.rpartition("/")[2]


def response_url_in_body(value: Any) -> str:
    """The response_url in a decoded body.

    Raises:
        InvalidParameters: there is none, or one in another spelling, which some would read in its place.
    """
    names = [name for name in value if name.lower() == RESPONSE_URL] if isinstance(value, dict) else []
    found = value[RESPONSE_URL] if names == [RESPONSE_URL] else None
    if not isinstance(found, str) or not found:
        raise InvalidParameters(f"/{RESPONSE_URL}: expected one URL")
    return found


def response_url_in_query(query: str) -> str:
    """The response_url among the parameters (CHP-01).

    Raises:
        InvalidParameters: there is none, or something that some would read in its place.
    """
    found = [value for name, value in parse_qsl(query) if name == RESPONSE_URL]
    others = (unquote_plus(part).lower() for part in _other_parts(query))
    if len(found) != 1 or any(RESPONSE_URL in other for other in others):
        raise InvalidParameters(f"parameter {RESPONSE_URL}: expected one URL")
    return found[0]


_IN_TEXT = re.compile(rb'"response_url"\s*:\s*("(?:[^"\\]|\\.)*")')


def replaced_in_body(body: bytes, url: str) -> bytes:
    """The body with another response_url and nothing else changed, not even white space (design D1).

    Where the name may stand in more than one place or spelling, the members are written anew, each once:
    nobody shall find the URL that was replaced.
    """
    match = _IN_TEXT.search(body)
    if match is None or body.count(b'"response_url"') > 1 or b"\\u" in body:
        return exact_json.encode(exact_json.members(body) | {RESPONSE_URL: url})
    return body[: match.start(1)] + exact_json.encode(url) + body[match.end(1) :]


def replaced_in_query(query: str, url: str) -> str:
    """The query string with another response_url; the other parameters stay as they are written."""
    return "&".join([*_other_parts(query), urlencode({RESPONSE_URL: url}, quote_via=quote)])


def _other_parts(query: str) -> list[str]:
    parts = (part for part in query.split("&") if part)
    return [part for part in parts if unquote_plus(part.partition("=")[0]) != RESPONSE_URL]


def check_response_url(url: str, caller: Platform) -> None:
    """Refuse a response_url that is not the caller's own: it would get a token of the hub (CMD-10).

    Raises:
        InvalidParameters: another host, not http(s), or too long.
    """
    if len(url) > LONGEST_URL:
        raise InvalidParameters(f"/{RESPONSE_URL}: expected at most {LONGEST_URL} characters, got {len(url)}")
    if not belongs_to(caller, url):
        raise InvalidParameters(f"/{RESPONSE_URL}: expected a URL at a host that your platform registered")


def _both(routing: Routing) -> tuple[Party, Party]:
    if routing.to is None or routing.sender is None:
        raise ValueError("a link needs to know who it is for and who uses it")
    return routing.to, routing.sender


def _due_row(due: Due) -> dict[str, Any]:
    due_at = None if due.due_at is None else microseconds(due.due_at)
    return {"token": due.token, "due_at": due_at, "lives_until": microseconds(due.lives_until)}


def _link(row: Any) -> Link:
    return Link(
        kind=LinkKind(row["kind"]),
        platform_id=row["platform_id"],
        target_platform_id=row["target_platform_id"],
        module=row["module"],
        interface=InterfaceRole(row["interface"]),
        routing=Routing(
            to=Party(row["to_country_code"], row["to_party_id"]),
            sender=Party(row["from_country_code"], row["from_party_id"]),
        ),
        url=row["url"],
        expires_at=moment(row["expires_at"]),
        correlation_id=row["correlation_id"],
        no_result=row["no_result"].encode(),
        timed_out_at=None if row["timed_out_at"] is None else moment(row["timed_out_at"]),
        token=row["token"],
    )
