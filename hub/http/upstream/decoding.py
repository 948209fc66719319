"""Bodies that come compressed although nobody asked for that: some servers do so to all."""

import zlib
from collections.abc import Sequence

from hub.ocpi.headers import Header
from hub.ocpi.transport import BrokenAnswer, first

CONTENT_ENCODING = "content-encoding"
#: Window sizes for zlib: either of its two formats, by what the body begins with.
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_AS_IT_IS = frozenset({"", "identity"})
_KNOWN = frozenset({"gzip", "x-gzip", "deflate"})


def decoded(body: bytes, headers: Sequence[Header], largest: int) -> bytes:
    """The body, without its content coding.

    Args:
        body: As it came.
        headers: That came with it.
        largest: The most bytes that it may have once it is decoded.

    Raises:
        BrokenAnswer: the coding is not known, the body is not so coded, or is too large.
    """
    for name, _ in headers:
        if len(name) == len(CONTENT_ENCODING) and name.lower() == CONTENT_ENCODING:
            return _decoded(body, (first(headers, name) or "").strip().lower(), largest)
    return body


def _decoded(body: bytes, coding: str, largest: int) -> bytes:
    if coding in _AS_IT_IS or not body:
        return body
    if coding not in _KNOWN:
        raise BrokenAnswer(f"the answer is coded as {coding[:100]!r}, which nobody asked for")
    unpacking = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        whole = unpacking.decompress(body, largest + 1)
    except zlib.error as error:
        raise BrokenAnswer(f"the answer is not coded as {coding}: {error}") from error
    if len(whole) > largest:
        raise BrokenAnswer(f"the answer is larger than {largest} bytes")
    if not unpacking.eof:
        raise BrokenAnswer(f"the answer is not whole, as {coding} goes")
    return whole
