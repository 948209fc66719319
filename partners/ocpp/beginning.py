"""Work that is done at once as far as it goes; only what must wait twice has a task."""

from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def begin(
    work: Coroutine[Any, Any, T],
    done: Callable[[T], None],
    done_later: Callable[[T], None],
    spawn: Callable[[Coroutine[Any, Any, None]], object],
) -> None:
    """Do what can be done now; go on after the first wait; what waits twice has a task of its own.

    Until it waits for the second time the work has no current task: `asyncio.timeout` and the like may not
    come before, and raise.

    Args:
        work: Must not raise.
        done: Told of the result if it is there at once.
        done_later: Told of it if it comes later.
        spawn: Makes a task.
    """
    try:
        waits_for = work.send(None)
    except StopIteration as over:
        done(over.value)
        return
    if not getattr(waits_for, "_asyncio_future_blocking", False):  # no more than a breath
        spawn(_then(work, waits_for, done_later))
        return

    def go_on(_: object) -> None:
        try:
            next_wait = work.send(None)  # which looks at the future's result by itself
        except StopIteration as over:
            done_later(over.value)
        else:
            spawn(_then(work, next_wait, done_later))

    # What a task does with a future that its coroutine waits for.
    waits_for._asyncio_future_blocking = False  # noqa: SLF001 the protocol between futures and tasks
    waits_for.add_done_callback(go_on)


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
