"""Which server a URL means, and which URLs may be called at all (design D10)."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from hub.ocpi.transport import UrlNotAllowed

DEFAULT_PORTS = {"http": 80, "https": 443}
_UP_TO_PATH = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
#: A name or an address and a port. A name or password before it would be one more way to show a token.
_AUTHORITY = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\])(?::[0-9]*)?"
)


class Origin(NamedTuple):
    """A server: connections to the same one are pooled."""

    scheme: str
    #: A name or an address; an IPv6 address without its brackets.
    host: str
    port: int

    @property
    def host_header(self) -> str:
        """What stands behind `Host:` (RFC 9112, 3.2): brackets around IPv6, and no default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host_header}"


def split_url(url: str) -> tuple[Origin, str]:
    """The server that a URL means, and the target to ask there, exactly as it is written.

    Raises:
        UrlNotAllowed: it is no absolute http or https URL, or there are characters in it that could be read
            as the end of a request line.
    """
    match = _UP_TO_PATH.match(url)
    # Anything but ASCII in sight could be read as the end of the request line.
    if match is None or not url.isascii() or not url.isprintable() or " " in url:
        raise UrlNotAllowed(f"expected an absolute URL with http or https, got {url[:100]!r}")
    target = url[match.end() :]
    if "#" in target:
        target = target.partition("#")[0]
    return origin_of(match.group()), target if target.startswith("/") else f"/{target}"


@lru_cache(maxsize=4096)
def origin_of(up_to_path: str) -> Origin:
    """The server that the beginning of a URL means.

    Raises:
        UrlNotAllowed: it is no server that can be called over HTTP.
    """
    try:
        parts = urlsplit(up_to_path)
        port = parts.port
    except ValueError as error:
        raise UrlNotAllowed(f"not a URL: {error}") from error
    if parts.scheme not in DEFAULT_PORTS or port == 0 or not _AUTHORITY.fullmatch(parts.netloc):
        raise UrlNotAllowed(f"expected an absolute URL with http or https, got {up_to_path[:100]!r}")
    host = parts.hostname or ""
    return Origin(parts.scheme, host, DEFAULT_PORTS[parts.scheme] if port is None else port)
