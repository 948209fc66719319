"""`ocpi-node`: run a reference CPO or eMSP or simulated chargers, and use them."""

from typing import Annotated

import typer

from hub import __version__
from partners.charger.cli import app as charger
from partners.cpo.cli import app as cpo
from partners.emsp.cli import app as emsp


def _show_version(wanted: bool) -> None:  # noqa: FBT001 the shape that typer gives
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


app = typer.Typer(
    no_args_is_help=True,
    # They hold tokens and keys.
    pretty_exceptions_show_locals=False,
)
app.add_typer(cpo, name="cpo")
app.add_typer(emsp, name="emsp")
app.add_typer(charger, name="charger")


@app.callback()
def ocpi_node(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version."),
    ] = False,
) -> None:
    """Reference nodes to talk OCPI with: a CPO, an eMSP, and simulated chargers.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
    """


def main() -> None:
    """The program."""
    app()
