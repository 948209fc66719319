"""Fields of a tariff that OCPI 2.2.1 has not: nothing looks at them, and a statement says so."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from schemas.findings import pointer
from schemas.v2_2_1.tariffs import Tariff
from schemas.wire_object import WireObject

#: So many are told of one tariff.
_MOST: Final = 20


def unknown_fields(tariff: Tariff, where: str) -> tuple[str, ...]:
    """What is to be said of them; a restriction that is unknown is refused elsewhere (`restrictions`).

    Args:
        tariff: As it came.
        where: The JSON pointer to it.
    """
    return tuple(
        f"{where}{pointer(path)}: OCPI 2.2.1 has no such field; the price does not depend on it"
        for path in islice(_paths(tariff), _MOST)
    )


def _paths(tariff: Tariff) -> Iterator[tuple[str | int, ...]]:
    yield from _of(tariff)
    for number, element in enumerate(tariff.elements):
        yield from _of(element, "elements", number)
        for place, component in enumerate(element.price_components):
            yield from _of(component, "elements", number, "price_components", place)


def _of(value: WireObject, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    return ((*path, name) for name in value.model_extra or {})
