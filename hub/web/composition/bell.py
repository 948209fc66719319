"""A bell: rung when something has changed, heard by those who were made later than those who ring it."""

from collections.abc import Callable


class Bell:
    """Calls everybody who listens."""

    def __init__(self) -> None:
        self._listeners: tuple[Callable[[], None], ...] = ()

    def __call__(self) -> None:
        """Ring."""
        for listener in self._listeners:
            listener()

    def heard_by(self, *listeners: Callable[[], None]) -> None:
        """Let them hear it from now on."""
        self._listeners += listeners
