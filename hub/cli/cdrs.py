"""`ocpi-hub cdr …`: the verdicts on CDRs, those that are held, and the check of a file."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from rich.text import Text

from hub.cli.asking import Asking, JsonOption, asks_hub, failing_in_words
from hub.cli.connection import CommandFailed
from hub.cli.rules_file import RulesOption, rules_in
from hub.cli.words import say, shown, table, write_json
from hub.ocpi.timestamps import utc_now
from hub.pricing.plausibility import Known, Missing, Severity, TariffVersion, judged
from hub.pricing.plausibility.shown import as_data
from hub.store.cdr_state import CdrState
from schemas import exact_json
from schemas.findings import findings, pointer
from schemas.tolerance import TOLERANT
from schemas.v2_2_1 import Location, Session, Tariff, Token
from schemas.wire_object import WireObject

app = typer.Typer(help="The hub's verdicts on CDRs, and CDRs that it holds.", no_args_is_help=True)

_STYLES = {"refuse": "red", "hold": "yellow", "note": "cyan"}
_Kind = TypeVar("_Kind", bound=WireObject)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The CDR's id.")]
OwnerOption = Annotated[
    str | None, typer.Option(metavar="PARTY", help="Its CPO, such as BE/BEC; needed if several have the id.")
]


class NotReadable(CommandFailed):
    """A file cannot be read as what it should be."""

    exit_code = 2


@app.command()
@asks_hub
def verdict(ask: Asking, cdr_id: IdArgument, *, owner: OwnerOption = None) -> None:
    """Show the hub's verdict on a CDR that came to it.

    For example:

        ocpi-hub cdr verdict 0f7c33 --owner BE/BEC
    """
    ask.answer(ask.hub.get("/cdrs/verdicts", {"id": cdr_id, "owner": owner}), _verdicts)


@app.command("list")
@asks_hub
def list_verdicts(
    ask: Asking,
    *,
    severity: Annotated[
        Severity | None, typer.Option(help="Only with a finding as grave as this, or graver.")
    ] = None,
    held: Annotated[bool, typer.Option("--held", help="Only CDRs that wait for you.")] = False,
    state: Annotated[CdrState | None, typer.Option(help="Only CDRs of which this became.")] = None,
    owner: Annotated[str | None, typer.Option(metavar="PARTY", help="Only of this CPO.")] = None,
    offset: Annotated[int, typer.Option(min=0, help="Leave out so many.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="CDRs at most.")] = 50,
) -> None:
    """List the verdicts on CDRs, the newest first.

    For example:

        ocpi-hub cdr list --severity hold

        ocpi-hub cdr list --held
    """
    wanted = {
        "severity": severity,
        "state": CdrState.HELD if held else state,
        "owner": owner,
        "offset": offset,
        "limit": limit,
    }
    ask.answer(ask.hub.get("/cdrs", wanted), _list)


@app.command()
@asks_hub
def release(ask: Asking, cdr_id: IdArgument, *, owner: OwnerOption = None) -> None:
    """Let a held CDR go on to its eMSP: now, or as soon as that can be reached.

    For example:

        ocpi-hub cdr release 0f7c33
    """
    found = ask.hub.post("/cdrs/release", {"id": cdr_id, "owner": owner})
    ask.answer(found, lambda _: say(f"CDR {cdr_id} is on its way; see: ocpi-hub cdr verdict {cdr_id}"))


@app.command()
@asks_hub
def drop(
    ask: Asking,
    cdr_id: IdArgument,
    *,
    reason: Annotated[str, typer.Option(help="Why; its CPO will read it.")],
    owner: OwnerOption = None,
) -> None:
    """Let a held CDR never pass.

    For example:

        ocpi-hub cdr drop 0f7c33 --reason "billed twice, as agreed by telephone"
    """
    found = ask.hub.post("/cdrs/drop", {"id": cdr_id, "owner": owner, "reason": reason})
    ask.answer(found, lambda _: say(f"CDR {cdr_id} is dropped."))


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CDR, as JSON.")],
    *,
    tariff: Annotated[
        list[Path] | None, typer.Option(help="A tariff as it was at the start; may be given more than once.")
    ] = None,
    session: Annotated[Path | None, typer.Option(help="The session, in its last state.")] = None,
    token: Annotated[Path | None, typer.Option(help="The token.")] = None,
    location: Annotated[Path | None, typer.Option(help="The location, with its time zone.")] = None,
    cdr_rules: RulesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a CDR in a file, as the hub would: no hub is needed.

    The exit code is 1 if there is a finding of severity refuse or hold. What
    is not given is not looked at.

    For example:

        ocpi-hub cdr check cdr.json

        ocpi-hub cdr check cdr.json --tariff tariff.json --session session.json --location location.json
    """
    with failing_in_words():
        tariffs = [_object(Tariff, each) for each in tariff or ()]
        known = Known(
            now=utc_now(),
            session=_given(Session, session),
            token=_given(Token, token),
            location=_given(Location, location),
            tariffs=tuple(TariffVersion(each.id, each.last_updated, each) for each in tariffs),
        )
        found = judged(_json(file), known, rules_in(cdr_rules))
    if as_json:
        write_json(as_data(found))
    else:
        _verdict(as_data(found))
    if found.severity in {Severity.REFUSE, Severity.HOLD}:
        raise typer.Exit(1)


def _given(kind: type[_Kind], path: Path | None) -> _Kind | Missing:
    return Missing.NOT_ASKED if path is None else _object(kind, path)


def _object(kind: type[_Kind], path: Path) -> _Kind:
    try:
        return kind.model_validate(_json(path), context=TOLERANT)
    except ValidationError as error:
        wrong = "; ".join(str(each) for each in findings(error)[:5])
        raise NotReadable(f"{path} is no {kind.__name__} of OCPI 2.2.1: {wrong}") from error


def _json(path: Path) -> Any:
    try:
        text = path.read_bytes()
        content, repeated = exact_json.decode(text), exact_json.repeated(text)
    except OSError as error:
        raise NotReadable(f"{path}: {error.strerror}") from error
    except exact_json.NotJson as error:
        raise NotReadable(f"{path} is not JSON: {error}") from error
    if repeated is not None:
        raise NotReadable(f"{path}: {pointer(repeated)}: stands there twice; which of the two is meant?")
    return content


def _verdicts(answer: Mapping[str, Any]) -> None:
    for each in answer["verdicts"]:
        why = f" ({each['reason']})" if each["reason"] else ""
        owner = f"{each['country_code']}/{each['party_id']}"
        say(f"CDR {each['id']} of {owner} for {_emsp(each)}, {each['judged_at']}: {each['state']}{why}")
        _verdict(each)


def _verdict(data: Mapping[str, Any]) -> None:
    if not data["findings"]:
        say(Text("No findings.", style="green"))
    else:
        table(
            ("severity", "rule", "where", "what"),
            (
                (
                    shown(each["severity"], _STYLES.get(each["severity"], "")),
                    each["rule"],
                    each["pointer"] or "/",
                    each["message"],
                )
                for each in data["findings"]
            ),
        )
    _differences(data["differences"])


def _differences(differences: Iterable[Mapping[str, Any]]) -> None:
    rows = [(each["pointer"], each["asked"], each["recomputed"], each["difference"]) for each in differences]
    if rows:
        table(("amount", "asked", "recomputed", "difference"), rows)


def _list(answer: Mapping[str, Any]) -> None:
    table(
        ("cdr", "owner", "for", "judged at", "state", "severity", "rules"),
        (
            (
                each["id"],
                f"{each['country_code']}/{each['party_id']}",
                _emsp(each),
                each["judged_at"],
                each["state"],
                shown(each["severity"], _STYLES.get(each["severity"] or "", "")),
                ", ".join(dict.fromkeys(finding["rule"] for finding in each["findings"])),
            )
            for each in answer["verdicts"]
        ),
    )


def _emsp(each: Mapping[str, Any]) -> str:
    return f"{each['emsp_country_code']}/{each['emsp_party_id']}"
