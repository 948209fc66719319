"""A running node, seen from another terminal: the command line's client of the node's own API."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn
from urllib.parse import urlencode

import aiohttp
import typer
from rich.console import Console, RenderableType
from rich.measure import Measurement

from partners.administration import PREFIX
from schemas import exact_json

#: What a command was refused with ends the program so (design D12).
FAILED = 1
#: Where nobody watches, lines are not cut to the width of a terminal.
_PIPE_WIDTH = 500
_UNAUTHORIZED = 401

Node = Annotated[
    str, typer.Option("--node", envvar="OCPI_NODE_URL", help="The node's own API, as `serve` prints it.")
]
Key = Annotated[
    str, typer.Option("--key", envvar="OCPI_NODE_KEY", help="Its key: `admin_key` in the configuration.")
]
OfParty = Annotated[
    str | None,
    typer.Option("--party", envvar="OCPI_NODE_PARTY", help="Which of the node's parties, as NL/EMA."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def console(*, stderr: bool = False) -> Console:
    """Where a command prints; made when it prints, so that it is as wide as the terminal is then."""
    # No markup: what is shown comes from others.
    watched = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if watched else _PIPE_WIDTH
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


@dataclass(frozen=True, slots=True)
class RemoteNode:
    """Calls of one node's own API."""

    url: str
    key: str
    #: Which of the node's parties is meant; None: its first.
    party: str | None = None

    def ask(self, method: str, path: str, value: Mapping[str, Any] | None = None) -> Any:
        """The decoded answer; what the node refuses ends the program with exit status 1."""
        return asyncio.run(self._ask(method, path, value))

    def _address(self, path: str) -> str:
        query = "" if self.party is None else ("&" if "?" in path else "?") + urlencode({"party": self.party})
        return self.url.rstrip("/") + PREFIX + path + query

    async def _ask(self, method: str, path: str, value: Mapping[str, Any] | None) -> Any:
        try:
            async with (
                aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.key}"}) as session,
                session.request(
                    method,
                    self._address(path),
                    data=None if value is None else exact_json.encode(dict(value)),
                ) as answer,
            ):
                body = exact_json.decode(await answer.read())
        except (aiohttp.ClientError, exact_json.NotJson, TimeoutError) as error:
            give_up(f"no node answers at {self.url}: {error}")
        if not answer.ok:
            said = body.get("error") if isinstance(body, dict) else None
            if said and answer.status == _UNAUTHORIZED:
                give_up(f"the node at {self.url} does not accept the key: see --key, or OCPI_NODE_KEY")
            give_up(said or f"HTTP {answer.status} from {self.url}: is that the node's own API?")
        return body


def say(line: str) -> None:
    """Print one line, however long: it may hold something to be copied."""
    console().print(line, soft_wrap=True)


def give_up(message: str) -> NoReturn:
    """Say what was wrong and end with exit status 1."""
    console(stderr=True).print(message, style="red", soft_wrap=True)
    raise typer.Exit(FAILED)


def show(value: Any, *, as_json: bool, table: Callable[[Any], Any]) -> None:
    """Print an answer for a program, or as a table for a person."""
    if as_json:
        sys.stdout.write(exact_json.encode(value).decode() + "\n")
    else:
        _print_whole(table(value))


def _print_whole(shown: RenderableType) -> None:
    """Print it, in lines longer than the terminal rather than without some of its columns."""
    screen = console()
    least = Measurement.get(screen, screen.options.update(max_width=_PIPE_WIDTH), shown).minimum
    screen.width = max(screen.width, least)
    screen.print(shown)
