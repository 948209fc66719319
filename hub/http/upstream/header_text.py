"""Headers as text: UTF-8, with what is no UTF-8 carried along, so that what came can go on as it came."""

from collections.abc import Iterable

from hub.http.upstream.answer_sink import RawHeader
from hub.ocpi.headers import Header

_MOST_NAMES = 1000


class _Names(dict[bytes, str]):
    """Names that were seen; platforms use the same few."""

    def __missing__(self, name: bytes) -> str:
        text = name.decode("latin-1")
        if len(self) < _MOST_NAMES:
            self[name] = text
        return text


_NAMES = _Names()


def header_texts(headers: Iterable[RawHeader]) -> tuple[Header, ...]:
    """The headers, in their order, without the spaces around their values."""
    try:
        return tuple([(_NAMES[name], value.decode().strip()) for name, value in headers])
    except UnicodeDecodeError:
        return tuple(
            [(_NAMES[name], value.decode("utf-8", "surrogateescape").strip()) for name, value in headers]
        )
