"""`ocpi-hub route explain`: where a message would go, and why."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli.asking import Asking, asks_hub
from hub.cli.connection import CommandFailed
from hub.cli.words import pairs, say, table
from schemas.v2_2_1 import InterfaceRole

app = typer.Typer(help="Where messages go.", no_args_is_help=True)


class NoBody(CommandFailed):
    """The file with the body cannot be read."""

    exit_code = 2


@app.command()
@asks_hub
def explain(
    ask: Asking,
    *,
    sender: Annotated[str, typer.Option("--from", metavar="PARTY", help="Who sends it, such as NL/TNM.")],
    to: Annotated[
        str | None,
        typer.Option(metavar="PARTY", help="Whom OCPI-to names; left out for an open request."),
    ] = None,
    module: Annotated[str, typer.Option(help="locations, sessions, cdrs, tariffs, tokens, commands, …")],
    method: Annotated[str, typer.Option(help="GET, PUT, PATCH, POST or DELETE.")],
    interface: Annotated[
        InterfaceRole | None,
        typer.Option(case_sensitive=False, help="Whose interface; needed where the path does not tell."),
    ] = None,
    path: Annotated[
        str,
        typer.Option(
            help="What stands below the module's URL: /START_SESSION, /LOC1, /0123/authorize?type=RFID."
        ),
    ] = "",
    body: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The body; needed where its content decides.")
    ] = None,
) -> None:
    """Say where a message would go now, by which rule, and what would happen to it.

    It is decided as if it were sent, by the same code, but nothing is sent and
    nothing is kept. Also a message that would be refused is explained with exit
    code 0.

    For example:

        ocpi-hub route explain --from NL/TNM --to BE/BEC --module locations --method GET --path /LOC1

        ocpi-hub route explain --from BE/BEC --module tokens --method POST --path /04A1B2C3/authorize

        ocpi-hub route explain --from BE/BEC --module cdrs --method POST --body cdr.json
    """
    question = {
        "from": sender,
        "to": to,
        "module": module,
        "method": method,
        "interface": interface,
        "path": path,
        "body": "" if body is None else _text(body),
    }
    ask.answer(ask.hub.post("/route/explain", question), lambda found: _explained(sender, to, found))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise NoBody(f"cannot read {path}: {error}") from error


def _explained(sender: str, to: str | None, found: Mapping[str, Any]) -> None:
    refusal = found["refusal"]
    pairs(
        {
            "from": f"{sender}, platform {found['platform']}",
            "to": to or "nobody is named",
            "interface": found["interface"],
            "rule": found["rule"],
            "refused": None
            if refusal is None
            else f"OCPI {refusal['status_code']}, HTTP {refusal['http_status']}: {refusal['message']}",
            "rows": ", ".join(found["rows"]),
        }
    )
    for note in found["notes"]:
        say(note)
    if found["ways"]:
        table(
            ("party", "partner", "status", "request", "agreement"),
            (
                (
                    each["party"],
                    each["platform"],
                    each["status"],
                    f"{each['method']} {each['url']}",
                    each["agreement"],
                )
                for each in found["ways"]
            ),
        )
    quirks = [
        (each["platform"], f"{quirk['name']}={quirk['value']}", quirk["done"])
        for each in found["ways"]
        for quirk in each["quirks"]
    ]
    if quirks:
        table(("partner", "quirk", "what the hub does"), dict.fromkeys(quirks))
