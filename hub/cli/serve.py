"""`ocpi-hub serve` and `ocpi-hub demo`: run a hub, or see one at work."""

import logging
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from hub.cli.asking import data_directory, data_option, database_option, failing_in_words
from hub.cli.connection import CommandFailed
from hub.cli.rules_file import RulesOption, rules_in
from hub.cli.words import tell
from hub.ocpi.party import COUNTRY_CODE_LENGTH, NotAParty, Party
from hub.settings import Limits, PolicyMode, Settings, Tls

if TYPE_CHECKING:
    from hub.web.app import RunningHub
    from hub.web.supervisor import Inherited, Reached

_PARTNERS = "Towards partners"
_OPERATORS = "Towards operators"
_PROCESSES = "Several processes"
_PLATFORMS = "Calls to platforms"


class Switch(StrEnum):
    """Whether the hub does something."""

    ON = "on"
    OFF = "off"


class CannotServe(CommandFailed):
    """The hub cannot run as it was told."""


def serve(
    context: typer.Context,
    *,
    data: Annotated[
        Path | None,
        data_option("Where the hub keeps its database and its keys; made if it is not there."),
    ] = None,
    database: Annotated[
        str | None,
        database_option(
            "Another database than the SQLite file in the data directory: an SQLite file elsewhere, or"
            " postgresql+asyncpg://USER:PASSWORD@HOST/DATABASE."
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            envvar="OCPI_HUB_HOST",
            help="The address to listen on; 0.0.0.0 for all.",
            rich_help_panel=_PARTNERS,
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            envvar="OCPI_HUB_PORT",
            min=0,
            max=65535,
            help="The port for partners; 0 for any free one.",
            rich_help_panel=_PARTNERS,
        ),
    ] = 8080,
    public_url: Annotated[
        str | None,
        typer.Option(
            envvar="OCPI_HUB_PUBLIC_URL",
            metavar="URL",
            help="The URL by which partners reach the hub, if it is not http://HOST:PORT.",
            rich_help_panel=_PARTNERS,
        ),
    ] = None,
    country_code: Annotated[
        str,
        typer.Option(
            envvar="OCPI_HUB_COUNTRY_CODE", help="Of the hub's own party.", rich_help_panel=_PARTNERS
        ),
    ] = "NL",
    party_id: Annotated[
        str,
        typer.Option(envvar="OCPI_HUB_PARTY_ID", help="Of the hub's own party.", rich_help_panel=_PARTNERS),
    ] = "HUB",
    name: Annotated[
        str,
        typer.Option(
            envvar="OCPI_HUB_NAME", help="The hub's name, as partners see it.", rich_help_panel=_PARTNERS
        ),
    ] = "ocpi-hub",
    ask_all: Annotated[
        Switch,
        typer.Option(
            envvar="OCPI_HUB_ASK_ALL",
            help="Ask all eMSPs about a token that nobody is known to own; off shows no card to strangers.",
            rich_help_panel=_PARTNERS,
        ),
    ] = Switch.ON,
    allow_private_networks: Annotated[
        bool,
        typer.Option(
            "--allow-private-networks",
            envvar="OCPI_HUB_ALLOW_PRIVATE_NETWORKS",
            help="Call partners at http URLs and private addresses, too; for tests.",
            rich_help_panel=_PARTNERS,
        ),
    ] = False,
    policy: Annotated[
        PolicyMode,
        typer.Option(
            envvar="OCPI_HUB_POLICY",
            help="Who may exchange messages: everybody with everybody (`open`), or who has an agreement.",
            rich_help_panel=_PARTNERS,
        ),
    ] = PolicyMode.OPEN,
    cdr_rules: RulesOption = None,
    tls_certificate: Annotated[
        Path | None,
        typer.Option(
            envvar="OCPI_HUB_TLS_CERTIFICATE",
            metavar="FILE",
            help="Serve partners over TLS with this certificate and its chain (PEM).",
            rich_help_panel=_PARTNERS,
        ),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option(
            envvar="OCPI_HUB_TLS_KEY",
            metavar="FILE",
            help="The certificate's key, if it is not in the same file.",
            rich_help_panel=_PARTNERS,
        ),
    ] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option(
            envvar="OCPI_HUB_TLS_CLIENT_CA",
            metavar="FILE",
            help="Take only callers with a certificate of this authority (mutual TLS).",
            rich_help_panel=_PARTNERS,
        ),
    ] = None,
    fast_path: Annotated[
        bool,
        typer.Option(
            "--fast-path/--no-fast-path",
            envvar="OCPI_HUB_FAST_PATH",
            help="Relay what is for one connected party in a shorter way; it decides the same.",
            rich_help_panel=_PARTNERS,
        ),
    ] = True,
    workers: Annotated[
        int,
        typer.Option(
            envvar="OCPI_HUB_WORKERS",
            min=1,
            help="Processes on the same ports; several need PostgreSQL. SIGHUP replaces them one by one.",
            rich_help_panel=_PROCESSES,
        ),
    ] = 1,
    reuse_port: Annotated[
        bool,
        typer.Option(
            "--reuse-port",
            envvar="OCPI_HUB_REUSE_PORT",
            help="Serve beside another hub that was started so, on the same ports of this machine.",
            rich_help_panel=_PROCESSES,
        ),
    ] = False,
    lease: Annotated[
        float,
        typer.Option(
            envvar="OCPI_HUB_LEASE",
            min=1,
            max=3600,
            metavar="SECONDS",
            help="How long a process that hangs, or a machine that is gone, keeps what it looks after.",
            rich_help_panel=_PROCESSES,
        ),
    ] = 30,
    hanging: Annotated[
        float,
        typer.Option(
            envvar="OCPI_HUB_HANGING",
            min=1,
            max=3600,
            metavar="SECONDS",
            help="How long a worker may give no sign of life before another one takes its place.",
            rich_help_panel=_PROCESSES,
        ),
    ] = 30,
    first_byte: Annotated[
        float | None,
        typer.Option(
            envvar="OCPI_HUB_FIRST_BYTE",
            min=0.1,
            max=3600,
            metavar="SECONDS",
            help="For a platform's answer to begin; by default as long as the whole answer may take.",
            rich_help_panel=_PLATFORMS,
        ),
    ] = None,
    platform_connections: Annotated[
        int,
        typer.Option(
            envvar="OCPI_HUB_PLATFORM_CONNECTIONS",
            min=1,
            max=10_000,
            help="Connections to one server of a platform, of relays, deliveries and pulls together.",
            rich_help_panel=_PLATFORMS,
        ),
    ] = 256,
    platform_idle: Annotated[
        float,
        typer.Option(
            envvar="OCPI_HUB_PLATFORM_IDLE",
            min=0.1,
            max=3600,
            metavar="SECONDS",
            help="How long a connection to a platform is kept without a request.",
            rich_help_panel=_PLATFORMS,
        ),
    ] = 15,
    admin_host: Annotated[
        str,
        typer.Option(
            envvar="OCPI_HUB_ADMIN_HOST",
            help="The address of the administration API.",
            rich_help_panel=_OPERATORS,
        ),
    ] = "127.0.0.1",
    admin_port: Annotated[
        int,
        typer.Option(
            envvar="OCPI_HUB_ADMIN_PORT",
            min=0,
            max=65535,
            help="The port of the administration API; 0 for any free one.",
            rich_help_panel=_OPERATORS,
        ),
    ] = 8081,
) -> None:
    """Run a hub until Ctrl-C or SIGTERM.

    It prints a line of JSON for each request that it receives or sends. The
    administration key, which all other commands need, is made on first start,
    in the data directory.

    For example:

        ocpi-hub serve --data /var/lib/ocpi-hub --public-url https://hub.example --party-id HUB
    """
    with failing_in_words():
        settings = Settings(
            data=data_directory(context, data),
            host=host,
            port=port,
            admin_host=admin_host,
            admin_port=admin_port,
            database=database,
            public_url=_http_url(public_url) if public_url else None,
            party=_party(country_code, party_id),
            name=name,
            ask_all=ask_all is Switch.ON,
            policy=policy,
            allow_private_networks=allow_private_networks,
            plausibility=rules_in(cdr_rules),
            fast_path=fast_path,
            tls=_tls(tls_certificate, tls_key, tls_client_ca),
            reuse_port=reuse_port,
            limits=Limits(
                lease=timedelta(seconds=lease),
                hanging=timedelta(seconds=hanging),
                first_byte=None if first_byte is None else timedelta(seconds=first_byte),
                platform_connections=platform_connections,
                platform_idle=timedelta(seconds=platform_idle),
            ),
        )
        _run(settings, workers)


def demo(
    *,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Leave everything running, and say what to try, until Ctrl-C."),
    ] = False,
) -> None:
    """See roaming at work: a hub, a CPO with chargers, two eMSPs, two drivers.

    Everything runs on free ports of this machine, with temporary data. It takes
    less than a minute; the exit code is 0 if sessions, CDRs and bills agree to
    the cent.

    For example:

        ocpi-hub demo --keep
    """
    # As below: the other commands shall not wait for it.
    from hub.demo import run  # noqa: PLC0415

    raise typer.Exit(run(keep=keep))


def _party(country_code: str, party_id: str) -> Party:
    if len(country_code) != COUNTRY_CODE_LENGTH:
        raise typer.BadParameter(
            f"expected a country code of two letters, such as NL, got {country_code!r}",
            param_hint="--country-code",
        )
    try:
        return Party(country_code, party_id)
    except NotAParty as error:
        raise typer.BadParameter(str(error), param_hint="--country-code, --party-id") from error


def _tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> Tls | None:
    if certificate is not None:
        return Tls(certificate, key, client_ca)
    if key is not None or client_ca is not None:
        raise typer.BadParameter("needed with --tls-key and --tls-client-ca", param_hint="--tls-certificate")
    return None


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
        raise typer.BadParameter(
            f"expected a URL such as https://hub.example, got {text!r}", param_hint="--public-url"
        )
    return text


def _run(settings: Settings, workers: int) -> None:
    # A hub takes a second to import; the other commands only ask one, and shall answer at once.
    from hub.web.supervisor import NotStarted, inherited  # noqa: PLC0415

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("hub").setLevel(logging.INFO)
    given = inherited()
    try:
        if workers > 1 and given is None:
            raise typer.Exit(_supervised(settings, workers))
        _served(settings, given)
    except (OSError, ValueError, NotStarted) as error:
        raise CannotServe(f"cannot serve: {error}") from error


def _supervised(settings: Settings, workers: int) -> int:
    from hub.web.supervisor import supervise  # noqa: PLC0415 see above

    _check_shared(settings)
    return supervise(settings, workers, _tell_reached)


def _served(settings: Settings, given: "Inherited | None") -> None:
    from hub.web.serve import run, run_worker  # noqa: PLC0415 see above

    if given is not None:
        run_worker(settings, given)
        return
    if settings.reuse_port:
        _check_shared(settings)
    run(settings, _tell_reached)


def _check_shared(settings: Settings) -> None:
    from hub.store.database import may_be_shared  # noqa: PLC0415 see above

    if not may_be_shared(settings.database_url):
        raise CannotServe("cannot serve: several processes need PostgreSQL; SQLite is for one")


def _tell_reached(hub: "Reached | RunningHub") -> None:
    tell(f"Partners: {hub.versions_url}   Operators: {hub.admin_url}")
