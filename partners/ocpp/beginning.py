"""Work that is done at once as far as it goes, and has a task only if it must wait for something."""

from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def begin(
    work: Coroutine[Any, Any, T],
    done: Callable[[T], None],
    spawn: Callable[[Coroutine[Any, Any, None]], object],
) -> None:
    """Do what can be done now; the rest later, in a task of its own.

    Until it first waits, the work has no current task: `asyncio.timeout` and the like may not come before.

    Args:
        work: Must not raise.
        done: Told of the result.
        spawn: Makes the task.
    """
    try:
        waits_for = work.send(None)
    except StopIteration as over:
        done(over.value)
        return
    spawn(_then(work, waits_for, done))


async def _then(work: Coroutine[Any, Any, T], waits_for: object, done: Callable[[T], None]) -> None:
    done(await _rest(work, waits_for))


@coroutine
def _rest(work: Coroutine[Any, Any, T], waits_for: object) -> Generator[Any, Any, T]:
    """The work from where it waits now; a task sees what it waits for as if the work had begun in it."""
    while True:
        try:
            got = yield waits_for
        except BaseException as error:  # noqa: BLE001 the work decides what becomes of it
            thrown: BaseException | None = error
        else:
            thrown = None
        try:
            waits_for = work.send(got) if thrown is None else work.throw(thrown)
        except StopIteration as over:
            result: T = over.value
            return result
