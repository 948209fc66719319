"""What all commands that ask a hub have in common: where it is, the key, JSON or words, and how they fail."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli.connection import CommandFailed, HubConnection, found_key
from hub.cli.words import complain, write_json

DEFAULT_URL = "http://127.0.0.1:8081"
DEFAULT_DATA = Path("data")
_PANEL = "Which hub"


def data_option(words: str, panel: str | None = None) -> Any:
    """The option that says where a hub keeps its files."""
    return typer.Option(
        envvar="OCPI_HUB_DATA",
        help=words,
        metavar="DIR",
        show_default=str(DEFAULT_DATA),
        rich_help_panel=panel,
    )


def database_option(words: str) -> Any:
    """The option that says which database a hub has."""
    return typer.Option(envvar="OCPI_HUB_DATABASE", metavar="URL", help=words)


UrlOption = Annotated[
    str | None,
    typer.Option(
        envvar="OCPI_HUB_ADMIN_URL",
        help="Its administration address.",
        metavar="URL",
        show_default=DEFAULT_URL,
        rich_help_panel=_PANEL,
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        envvar="OCPI_HUB_ADMIN_KEY",
        help="Its administration key.",
        metavar="KEY",
        rich_help_panel=_PANEL,
    ),
]
DataOption = Annotated[Path | None, data_option("Its data directory; the key is read from there.", _PANEL)]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer with JSON, for programs.")]


@dataclass(frozen=True, slots=True)
class WhichHub:
    """What was said about the hub before the command, for those commands that say nothing."""

    url: str | None = None
    key: str | None = None
    data: Path | None = None


def data_directory(context: typer.Context, data: Path | None) -> Path:
    """Where the hub keeps its files: as the command says, as was said before it, or the usual place."""
    before = context.obj.data if isinstance(context.obj, WhichHub) else None
    return data or before or DEFAULT_DATA


@dataclass(frozen=True, slots=True)
class Asking:
    """A command's hub, and how it shall answer."""

    hub: HubConnection
    as_json: bool

    def answer(self, value: Any, words: Callable[[Any], None]) -> None:
        """Print what the hub said: as JSON, or in words."""
        if self.as_json:
            write_json(value)
        else:
            words(value)


def asks_hub(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first parameter is an `Asking`; gives it the options `--url --key --data --json`."""

    @functools.wraps(command)
    def run(
        context: typer.Context,
        *,
        url: str | None,
        key: str | None,
        data: Path | None,
        as_json: bool,
        **own: Any,
    ) -> None:
        before = context.obj if isinstance(context.obj, WhichHub) else WhichHub()
        with failing_in_words():
            address = url or before.url or DEFAULT_URL
            shown = found_key(key or before.key, data or before.data or DEFAULT_DATA)
            command(Asking(HubConnection(address, shown), as_json), **own)

    own = list(inspect.signature(command).parameters.values())[1:]
    shared = {"url": UrlOption, "key": KeyOption, "data": DataOption, "as_json": JsonOption}
    keyword = inspect.Parameter.KEYWORD_ONLY
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what typer reads
        [
            inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
            *(parameter.replace(kind=keyword) for parameter in own),
            *(
                inspect.Parameter(
                    name, keyword, annotation=annotation, default=False if name == "as_json" else None
                )
                for name, annotation in shared.items()
            ),
        ]
    )
    run.__annotations__ = {}
    return run


@contextmanager
def failing_in_words() -> Iterator[None]:
    """Turns a failure into a sentence on standard error and an exit code."""
    try:
        yield
    except CommandFailed as failure:
        complain(str(failure))
        raise typer.Exit(failure.exit_code) from failure
    except KeyboardInterrupt as interrupt:
        raise typer.Exit(0) from interrupt
