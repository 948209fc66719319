"""`ocpi-node`: run a reference CPO or eMSP or simulated chargers, and use them."""

import typer

from partners.charger.cli import app as charger
from partners.cpo.cli import app as cpo
from partners.emsp.cli import app as emsp

app = typer.Typer(
    no_args_is_help=True,
    # They hold tokens and keys.
    pretty_exceptions_show_locals=False,
    help="Reference nodes to talk OCPI with: a CPO, an eMSP, and simulated chargers.",
)
app.add_typer(cpo, name="cpo")
app.add_typer(emsp, name="emsp")
app.add_typer(charger, name="charger")


def main() -> None:
    """The program."""
    app()
