"""`ocpi-hub price`: what a CDR costs by its tariff, worked out here, without a hub."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import typer

from hub.cli.asking import JsonOption, failing_in_words
from hub.cli.connection import CommandFailed
from hub.cli.words import pairs, say, table, write_json
from schemas import exact_json
from schemas.findings import findings, pointer

if TYPE_CHECKING:
    from hub.pricing import Amount, PriceStatement
    from schemas.wire_object import WireObject

Read = TypeVar("Read", bound="WireObject")


class NoFile(CommandFailed):
    """A file cannot be read."""

    exit_code = 2


class NotPriced(CommandFailed):
    """What a file says has no price that anybody could work out."""


class _Zone(NamedTuple):
    """A time zone, and where it was said."""

    name: str
    where: str


def price(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CDR, as JSON.")],
    *,
    tariff: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A tariff, as JSON; goes before the CDR's own one with its id. Repeatable.",
        ),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            help="The location's, such as Europe/Amsterdam. Otherwise that in the file, else UTC.",
        ),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why, line by line.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Work out what a CDR costs, whatever its own totals say.

    No hub is asked. Amounts in JSON are exact, as text; elsewhere they have at
    most four decimals. What is not understood is refused with its place in the
    file, as a JSON pointer, and exit code 1.

    For example:

        ocpi-hub price cdr.json --explain

        ocpi-hub price cdr.json --tariff tariff.json --time-zone Europe/Amsterdam --json
    """
    with failing_in_words():
        statement = _statement(file, tariff or [], time_zone)
    _show(statement, explained=explain, as_json=as_json)


def _statement(file: Path, tariff_files: list[Path], time_zone: str | None) -> "PriceStatement":
    # The other commands shall not wait for it.
    from hub.pricing import CannotBePriced, PricedRecord, check_tariff, price_cdr  # noqa: PLC0415
    from schemas.v2_2_1 import Tariff  # noqa: PLC0415

    content = _content(file)
    cdr = _read(PricedRecord, content, file)
    zone = _Zone(time_zone, "--time-zone") if time_zone is not None else _zone_in(content)
    tariffs = []
    for each in tariff_files:
        tariffs.append(_read(Tariff, _content(each), each))
        try:
            check_tariff(tariffs[-1])
        except CannotBePriced as refused:
            raise NotPriced(f"{each}: {refused.pointer}: {refused.reason}") from refused
    try:
        return price_cdr(cdr, tariffs=tariffs, time_zone=zone.name if zone else None)
    except CannotBePriced as refused:
        place = zone.where if zone and refused.pointer == "/time_zone" else refused.pointer
        raise NotPriced(f"{file}: {place}: {refused.reason}") from refused


def _content(file: Path) -> Any:
    try:
        text = file.read_bytes()
        content, repeated = exact_json.decode(text), exact_json.repeated(text)
    except OSError as error:
        raise NoFile(f"cannot read {file}: {error.strerror}") from error
    except exact_json.NotJson as error:
        raise NotPriced(f"{file}: is not JSON: {error}") from error
    if repeated is not None:
        raise NotPriced(f"{file}: {pointer(repeated)}: stands there twice; which of the two is meant?")
    return content


def _read(model: type[Read], content: Any, file: Path) -> Read:
    from pydantic import ValidationError  # noqa: PLC0415 the other commands shall not wait for it

    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise NotPriced("\n".join(f"{file}: {finding}" for finding in findings(error))) from error


def _zone_in(content: Any) -> _Zone | None:
    """The time zone of the CDR's location, which OCPI does not have there but some send (AM-55)."""
    for name in ("cdr_location", "location"):
        place = content.get(name)
        if isinstance(place, Mapping) and place.get("time_zone") is not None:
            return _Zone(str(place["time_zone"]), f"/{name}/time_zone")
    return None


def _show(statement: "PriceStatement", *, explained: bool, as_json: bool) -> None:
    from hub.pricing import explain, rounded  # noqa: PLC0415 the other commands shall not wait for it

    explanation = explain(statement)
    if as_json:
        words = {"explanation": list(explanation.words)} if explained else {}
        write_json({**explanation.data, **words})
    elif explained:
        for line in explanation.words:
            say(line)
    else:
        _table(rounded(statement))


def _table(statement: "PriceStatement") -> None:
    table(
        ("for", "tariff", "element", "used", "billed", "price", "VAT %", "excl. VAT", "incl. VAT"),
        (
            (
                line.kind,
                line.tariff_id,
                line.element,
                line.quantity,
                line.billed_quantity,
                line.unit_price,
                line.vat,
                line.amount.excl_vat,
                line.amount.incl_vat,
            )
            for line in statement.lines
        ),
    )
    totals: dict[str, Amount | None] = {
        "fixed": statement.total_fixed_cost,
        "energy": statement.total_energy_cost,
        "time": statement.total_time_cost,
        "parking": statement.total_parking_cost,
        "reservation": statement.total_reservation_cost,
        "total": statement.total_cost,
    }
    pairs(
        {name: _amount(total, statement.currency) for name, total in totals.items() if total is not None}
        | {
            "energy used": f"{statement.total_energy} kWh",
            "time used": f"{statement.total_time} h, of which parked {statement.total_parking_time} h",
        }
    )
    for note in statement.notes:
        say(f"Note: {note}.")


def _amount(amount: "Amount", currency: str) -> str:
    with_vat = "" if amount.incl_vat is None else f", with VAT {amount.incl_vat} {currency}"
    return f"{amount.excl_vat} {currency}{with_vat}"
