"""What people read: words and tables. Partners' texts are shown as text, never as colours or controls."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas import exact_json

#: Where nobody watches, lines are not cut to the width of a terminal.
_PIPE_WIDTH = 500


def console() -> Console:
    """Standard output."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(width=width, highlight=False, soft_wrap=True)


def say(*parts: str | Text) -> None:
    """Print a line."""
    line = Text()
    for part in parts:
        line.append(part if isinstance(part, Text) else plain(part))
    console().print(line)


def tell(message: str) -> None:
    """Print a line that is no answer, on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(plain(message)))


def complain(message: str) -> None:
    """Print a line on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        Text(f"ocpi-hub: {plain(message)}", style="red")
    )


def write_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    sys.stdout.write("".join(map(_escaped, exact_json.encode(value).decode())) + "\n")
    sys.stdout.flush()


def say_json(value: Any) -> None:
    """Print a value as JSON for people, in lines."""
    say(msgspec.json.format(exact_json.encode(value), indent=2).decode())


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; its cells are texts, numbers or None. Without rows nothing is printed."""
    cells = [[each if isinstance(each, Text) else shown(each) for each in row] for row in rows]
    if not cells:
        return
    made = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in cells:
        made.add_row(*row)
    console().print(made, soft_wrap=False)


def pairs(values: Mapping[str, Any]) -> None:
    """Print names with their values, one below the other."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        say(Text(f"{name:<{width}}  ", style="dim"), shown(value))


def shown(value: Any, style: str = "") -> Text:
    """A value as text."""
    return Text("-" if value is None or value == "" else plain(str(value)), style=style)


def plain(text: str) -> str:
    """The text without what would make a terminal do things; line breaks stay."""
    return "".join(
        each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def _escaped(each: str) -> str:
    """A character of a JSON text; one that a terminal might obey is written in JSON's other way."""
    if each.isprintable():
        return each
    units = each.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
