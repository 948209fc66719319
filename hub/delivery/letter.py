"""What is sent to a receiver."""

from typing import NamedTuple


class Letter(NamedTuple):
    """The change as it came, or the newest state of its object."""

    method: str
    tail: str
    query: str
    body: bytes
    #: Whether it says only what changed.
    is_partial: bool
    #: The newest change of its object that whoever takes it needs not be told any more.
    as_of: int
