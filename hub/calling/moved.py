"""URLs that are not quite where a platform says: redirects that may be followed, and what is learnt of them.

A redirect is followed with method, body and token, so it must lead to a host that the platform registered, or
to the very host that was asked; never anywhere else (design D10). 307 and 308 keep method and body; a 301 is
read so for a GET alone.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from hub.calling.hosts import absolute, belongs_to, origin
from hub.directory.directory import Platform
from hub.directory.quirks import AT_MODULE, EVERYWHERE, NO, VERSIONS, Quirk, about, with_slash
from hub.ocpi.envelope import is_envelope
from hub.ocpi.headers import LOCATION
from hub.ocpi.transport import HttpReply, HttpRequest

SAME_METHOD = frozenset({307, 308})
MOVED_PERMANENTLY = 301
NOT_FOUND = 404
SUCCESSES = range(200, 300)
#: What these are sent to need not be there.
CREATING = frozenset({"PUT", "POST"})
ERRORS = range(400, 600)

#: A quirk of a URL: its name, what it is about, its value.
UrlQuirk = tuple[Quirk, str, str]


def redirected_to(request: HttpRequest, reply: HttpReply, platform: Platform | None) -> str | None:
    """Where a redirect leads that may be followed; None where there is none."""
    if reply.status not in SAME_METHOD and not (
        reply.status == MOVED_PERMANENTLY and request.method == "GET"
    ):
        return None
    if platform is not None and platform.quirks.pinned(Quirk.REDIRECT):
        return None
    location = reply.header(LOCATION)
    if not location:
        return None
    target = absolute(location, request.url)
    is_own = origin(target) is not None and origin(target) == origin(request.url)
    return target if is_own or (platform is not None and belongs_to(platform, target)) else None


def lacks_slash(request: HttpRequest, reply: HttpReply) -> bool:
    """Whether a read was answered as by a server that wants a slash at the end."""
    return request.method == "GET" and is_nowhere(reply) and with_slash(request.url) != request.url


def is_nowhere(reply: HttpReply) -> bool:
    """Whether a URL seems to lead nowhere; that an object is missing is said in words of OCPI."""
    return reply.status == NOT_FOUND and not is_envelope(reply.body)


def learnt(platform: Platform, module: str | None, asked: str, found: str) -> UrlQuirk | None:
    """What is learnt when a URL that was asked for works elsewhere; None where nothing can be."""
    if platform.versions_url is not None and asked == platform.versions_at:
        return _moved(VERSIONS, "", asked, found)
    for interface, endpoint in _endpoints(platform, module):
        tail = _tail_below(endpoint, asked)
        if tail is not None:
            return _moved(interface, tail, asked, found)
    return None


def in_force(platform: Platform, module: str | None, request: HttpRequest) -> Iterator[UrlQuirk]:
    """What was learnt of URLs, and was used for a request whose answer says whether it is so.

    A GET of an object says little: a 404 may mean the object.
    """
    known = platform.quirks.known
    if not platform.quirks.knows_urls:
        return
    if request.url == platform.versions_at:
        places = [VERSIONS]
    else:
        tails = ((name, _tail_below(url, request.url)) for name, url in _endpoints(platform, module))
        tells_by_tail = request.method in CREATING
        places = [name for name, tail in tails if tail == "" or (tail is not None and tells_by_tail)]
    for place in places:
        for quirk in (Quirk.REDIRECT, Quirk.TRAILING_SLASH):
            if (found := known.get((quirk, place))) is not None:
                yield quirk, place, found.value


def _endpoints(platform: Platform, module: str | None) -> Iterator[tuple[str, str]]:
    """The endpoints of a module, where they really are."""
    for name, interface in platform.endpoints:
        if name == module:
            yield about(name, interface), platform.endpoint(name, interface) or ""


def _tail_below(endpoint: str, url: str) -> str | None:
    """The path below an endpoint, empty at the endpoint itself; None where the URL is not below it."""
    path = url.partition("?")[0]
    stem = endpoint.rstrip("/")
    if path.rstrip("/") == stem:
        return ""
    return path.removeprefix(stem) if path.startswith(f"{stem}/") else None


def _moved(place: str, tail: str, asked: str, found: str) -> UrlQuirk | None:
    if with_slash(found) == found and with_slash(asked) == found:
        return Quirk.TRAILING_SLASH, place, EVERYWHERE if tail else AT_MODULE
    if with_slash(found) == asked:
        return Quirk.TRAILING_SLASH, place, NO
    path = found.partition("?")[0]
    if not path.endswith(tail):
        return None
    endpoint = path[: len(path) - len(tail)] if tail else path
    return (Quirk.REDIRECT, place, endpoint) if urlsplit(endpoint).path else None
