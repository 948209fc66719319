"""What the command lines of the nodes show to people: answers of a node's own API as tables."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table

Values = Mapping[str, Any]


#: Columns with ids, which are copied into the next command and so must be whole.
IDS = frozenset({"Location", "EVSE", "Session", "CDR", "Token", "Uid", "Charge point"})


def lines(*columns: str) -> Table:
    """A table with these headings, to be filled line by line; on a narrow terminal ids stay whole."""
    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column in IDS, overflow="fold")
    return table


def fields(value: Values) -> RenderableType:
    """Name and value, line by line."""
    table = Table.grid(padding=(0, 2))
    for name, text in _named(value):
        table.add_row(name, text)
    return table


def party(value: Values) -> str:
    """The owner of an OCPI object."""
    return f"{value['country_code']}/{value['party_id']}"


def plain(value: Any) -> str:
    """A value as text; nothing for none."""
    return "" if value is None else str(value)


def _named(value: Values) -> Iterator[tuple[str, str]]:
    for name, each in value.items():
        for item in each if isinstance(each, list) else [each]:
            if not isinstance(item, dict):
                yield name, _word(item)
            elif _is_flat(item):
                words = " ".join if isinstance(each, list) else ", ".join
                named = not isinstance(each, list)
                yield name, words(f"{key} {_word(one)}" if named else _word(one) for key, one in item.items())
            else:
                yield from ((f"{name} {inner}", text) for inner, text in _named(item))


def _is_flat(value: Values) -> bool:
    return not any(isinstance(each, list | dict) for each in value.values())


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(value) or "-"
