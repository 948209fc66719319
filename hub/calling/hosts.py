"""Which URLs are a platform's own: the hub's token for it goes to no other host (CMD-10, PG-17; D10)."""

import re
from functools import lru_cache
from urllib.parse import urljoin, urlsplit

from hub.directory.directory import Platform

_DEFAULT_PORTS = {"http": 80, "https": 443}
#: Printable ASCII, without the backslash that some read as a slash.
_PLAIN = re.compile(r"[!-\[\]-~]+")


def belongs_to(platform: Platform, url: str) -> bool:
    """Whether the URL lies at a host that the platform registered (CMD-10, PG-17)."""
    found = origin(url)
    known = (platform.versions_url, *platform.endpoints.values())
    return found is not None and any(found == _registered_origin(each) for each in known if each)


@lru_cache(maxsize=4096)
def _registered_origin(url: str) -> tuple[str, str, int] | None:
    """The same few are compared with one URL after another."""
    return origin(url)


def absolute(location: str, endpoint: str) -> str:
    """A Location that may be relative, as an absolute URL."""
    return urljoin(endpoint, location)


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of a URL; None where it does not name them so that all readers agree."""
    if _PLAIN.fullmatch(url) is None:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    default_port = _DEFAULT_PORTS.get(parts.scheme)
    if default_port is None or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, default_port if port is None else port
