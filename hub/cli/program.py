"""The commands of `ocpi-hub`, put together."""

from typing import Annotated

import typer

from hub import __version__
from hub.cli import (
    agreements,
    backup,
    cdrs,
    conformance,
    deliveries,
    journal,
    objects,
    partners,
    price,
    pulls,
    route,
    serve,
)
from hub.cli.asking import DataOption, KeyOption, UrlOption, WhichHub
from hub.cli.words import say

app = typer.Typer(
    name="ocpi-hub",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
)


def main() -> None:
    """The program."""
    app(prog_name="ocpi-hub")


def _version(wanted: bool) -> None:  # noqa: FBT001 the shape that typer calls
    if wanted:
        say(__version__)
        raise typer.Exit


@app.callback()
def ocpi_hub(
    context: typer.Context,
    *,
    url: UrlOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    show_version: Annotated[  # noqa: ARG001 its callback answers
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """An open roaming hub for electric-vehicle charging (OCPI 2.2.1): run it, and administer it.

    A hub starts with `ocpi-hub serve`; everything else asks a hub that runs, here or elsewhere.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
    """
    context.obj = WhichHub(url, key, data)


app.command()(serve.serve)
app.command()(serve.demo)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(journal.journal)
app.command()(journal.trace)
app.command()(objects.objects)
app.command()(deliveries.deliveries)
app.command()(price.price)
app.add_typer(pulls.app, name="pulls")
app.add_typer(partners.app, name="partner")
app.add_typer(conformance.app, name="conformance")
app.add_typer(agreements.app, name="agreement")
app.add_typer(route.app, name="route")
app.add_typer(cdrs.app, name="cdr")
