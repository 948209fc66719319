"""What was read from the node's database, and holds until it is written: for what is asked for very often.

To read means to wait for whatever is on its way to the disk just then.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from partners.database import Database

T = TypeVar("T")


class Known(Generic[T]):
    """A value that is read once.

    Args:
        database: If something is undone there, it is read again.
        read: From the database.
    """

    def __init__(self, database: Database, read: Callable[[], T]) -> None:
        self._read = read
        self._value: list[T] = []
        database.undone.append(self.forget)

    def get(self) -> T:
        """The value."""
        if not self._value:
            self._value.append(self._read())
        return self._value[0]

    def forget(self) -> None:
        """It was written: read it again."""
        self._value.clear()
