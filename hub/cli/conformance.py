"""`ocpi-hub conformance …`: test a partner's platform."""

import asyncio
import os
import socket
import uuid
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from hub.cli.asking import JsonOption, failing_in_words
from hub.cli.connection import CommandFailed
from hub.cli.words import say, tell, write_json
from hub.ocpi.headers import TokenEncoding
from hub.ocpi.party import NotAParty, Party

if TYPE_CHECKING:
    from hub.conformance.report import Report
    from hub.conformance.run import Plan

app = typer.Typer(help="Test whether a partner's platform speaks OCPI 2.2.1.", no_args_is_help=True)

LARGEST_REPLY = 32 * 1024 * 1024


@app.callback()
def conformance() -> None:
    """Test whether a partner's platform speaks OCPI 2.2.1."""


@app.command("run")
def run_tests(
    url: Annotated[str, typer.Argument(metavar="URL", help="The platform's versions URL.")],
    *,
    token: Annotated[
        str,
        typer.Option(
            envvar="OCPI_HUB_CONFORMANCE_TOKEN",
            metavar="TOKEN",
            help="What to show: token A with --handshake, otherwise the token of a registration.",
        ),
    ],
    party: Annotated[
        str, typer.Option(metavar="CC/PID", help="The party for which the tester speaks.")
    ] = "NL/TST",
    handshake: Annotated[
        bool, typer.Option("--handshake", help="Register with token A first, and leave at the end.")
    ] = False,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="With --handshake: where the tester listens.")
    ] = "127.0.0.1:0",
    public_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="With --handshake: the URL under which the platform reaches it."),
    ] = None,
    write: Annotated[
        bool,
        typer.Option("--write", help="Push a location, a tariff and a token, and undo them."),
    ] = False,
    raw_token: Annotated[bool, typer.Option("--raw-token", help="Show the token without Base64.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="For each answer, in seconds.")] = 20.0,
    list_minutes: Annotated[
        float, typer.Option(min=0.1, help="For each list; what is not read by then is said in the report.")
    ] = 10.0,
    allow_private_networks: Annotated[
        bool,
        typer.Option("--allow-private-networks", help="Call http URLs and private addresses, too."),
    ] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write a report as JUnit XML, too.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Test a platform: versions, credentials, every list, every object, errors.

    Nothing there is changed unless --handshake or --write say so. The exit code
    is 1 when something is against the specification.

    For example:

        ocpi-hub conformance run https://acme.example/ocpi/versions --token TOKEN
    """
    # The other commands shall not wait for it.
    from hub.conformance.formats import as_json as report_as_json  # noqa: PLC0415
    from hub.conformance.formats import as_junit, as_text  # noqa: PLC0415
    from hub.conformance.run import Plan  # noqa: PLC0415
    from hub.conformance.walking import Reach  # noqa: PLC0415

    with failing_in_words(), ExitStack() as stack:
        host, port = _address(listen)
        _check_report(junit)
        plan = Plan(
            versions_url=_http_url(url, "URL"),
            token=token,
            party=_party(party),
            encoding=TokenEncoding.RAW if raw_token else TokenEncoding.BASE64,
            port=_listening(stack, host, port) if handshake else None,
            public_url=None if public_url is None else _http_url(public_url, "--public-url").rstrip("/"),
            writes=write,
            patience=timedelta(seconds=timeout),
            reach=Reach(timedelta(minutes=list_minutes)),
        )
        report = asyncio.run(_run(plan, allow_private_networks=allow_private_networks))
    if junit is not None:
        junit.write_bytes(as_junit(report))
        tell(f"{junit} written")
    if as_json:
        write_json(report_as_json(report))
    else:
        for line in as_text(report):
            say(line)
    if report.has_failed:
        raise typer.Exit(1)


def _listening(stack: ExitStack, host: str, port: int) -> socket.socket:
    from hub.http.serving import listening  # noqa: PLC0415 as above

    try:
        return stack.enter_context(listening(host, port))
    except OSError as error:
        raise CommandFailed(f"cannot listen at {host}:{port}: {error.strerror or error}") from error


def _check_report(junit: Path | None) -> None:
    """Complain of a folder that is missing now, and not after the test of a whole platform."""
    if junit is not None and not os.access(junit.parent, os.W_OK):
        raise typer.BadParameter(f"{junit.parent} is no folder to write to", param_hint="--junit")


def _http_url(text: str, where: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise typer.BadParameter(
            f"expected a URL such as https://acme.example/ocpi/versions, got {text!r}", param_hint=where
        )
    return text


async def _run(plan: "Plan", *, allow_private_networks: bool) -> "Report":
    from hub.conformance.run import run  # noqa: PLC0415 as above
    from hub.directory.tokens import new_token  # noqa: PLC0415 as above
    from hub.http.client import http_transport  # noqa: PLC0415 as above
    from hub.ocpi.timestamps import utc_now  # noqa: PLC0415 as above

    async with http_transport(
        connect=plan.patience, largest_reply=LARGEST_REPLY, allow_private_networks=allow_private_networks
    ) as transport:
        return await run(
            plan, transport, clock=utc_now, new_id=lambda: str(uuid.uuid4()), new_token=new_token
        )


def _party(text: str) -> Party:
    try:
        return Party.parse(text)
    except NotAParty as error:
        raise typer.BadParameter(str(error), param_hint="--party") from error


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise typer.BadParameter(f"expected HOST:PORT, got {text!r}", param_hint="--listen")
    return host.strip("[]"), int(port)
