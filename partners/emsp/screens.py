"""What the eMSP's command line shows to people: answers of the node's own API as tables."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from hub.pricing import Kind, half_up
from hub.pricing.exact import figures
from partners.emsp.bills import TEXTS, UNITS
from partners.tables import Values, fields, lines, party, plain


def locations(found: Sequence[Values]) -> RenderableType:
    """One line a connector."""
    table = lines("Owner", "Operator", "Location", "Address", "EVSE", "Connector", "kW", "Status", "Tariff")
    for each in found:
        location, tariffs = each["location"], {tariff["id"]: tariff for tariff in each["tariffs"]}
        for evse in location.get("evses", []):
            for connector in evse["connectors"]:
                names = connector.get("tariff_ids", [])
                table.add_row(
                    party(location),
                    plain(each["operator"]),
                    location["id"],
                    f"{location.get('name', location['address'])}, {location['city']}",
                    evse["uid"],
                    f"{connector['id']} {connector['standard']}",
                    str(_kilowatt(connector)),
                    evse["status"],
                    "\n".join(
                        tariff(tariffs[name]) if name in tariffs else f"{name}: unknown" for name in names
                    ),
                )
    return table


def tariff(value: Values) -> str:
    """A tariff in one line."""
    parts = [part for element in value["elements"] for part in _components(element)]
    return f"{value['id']}: {', '.join(parts)} {value['currency']}"


def sessions(found: Sequence[Values]) -> RenderableType:
    """One line a session."""
    table = lines("CPO", "Session", "Token", "Location", "EVSE", "Status", "Start", "kWh", "Cost", "Reckoned")
    for session in found:
        cost = session.get("total_cost")
        table.add_row(
            party(session),
            session["id"],
            session["cdr_token"]["uid"],
            session["location_id"],
            session["evse_uid"],
            session["status"],
            session["start_date_time"],
            str(session["kwh"]),
            "" if cost is None else f"{cost.get('incl_vat', cost['excl_vat'])} {session['currency']}",
            _reckoned(session),
        )
    return table


def _reckoned(session: Values) -> str:
    """What it has cost so far by our own reckoning."""
    reckoned = session.get("reckoned")
    return "" if reckoned is None else f"{reckoned['total']} {session['currency']}"


def quote(value: Values) -> RenderableType:
    """What a charging will cost, line by line, and what was assumed."""
    return Group(*_quote(value))


def quote_explained(value: Values) -> RenderableType:
    """The same, with the reasons."""
    return Group(*_quote(value), "", *value["words"])


def _quote(value: Values) -> Iterator[RenderableType]:
    parking = f", then {value['parking_minutes']} min parked" if value["parking_minutes"] else ""
    yield (
        f"{value['energy_kwh']} kWh in {value['charging_minutes']} min{parking}, from {value['start']},"
        f" at {value['location']} {value['evse']} {value['connector']} of {value['cpo']}"
    )
    table = lines("What", "Quantity", "Price", "VAT %", f"Net {value['currency']}")
    for line in value["statement"]["lines"]:
        kind = Kind(line["kind"])
        unit = UNITS.get(kind, "")
        row = (_short(line["billed_quantity"]) + f" {unit}", plain(line["unit_price"]), plain(line["vat"]))
        table.add_row(TEXTS[kind], *(row if unit else ("", *row[1:])), _short(line["excl_vat"]))
    table.add_section()
    table.add_row("Without VAT", "", "", "", _short(value["excl_vat"]))
    if value["incl_vat"] is not None:
        table.add_row("With VAT", "", "", "", _short(value["incl_vat"]))
    table.add_row("To be paid", "", "", "", f"{value['total']} {value['currency']}", style="bold")
    yield table
    yield f"By tariff {value['tariff_id']} of {value['tariff_last_updated']}, at constant power."
    if value["other_tariffs"]:
        yield f"Also for such a session: {', '.join(value['other_tariffs'])}."
    for note in value["statement"]["notes"]:
        yield f"- {note}"


def _short(number: str) -> str:
    return figures(half_up(Decimal(number)))


def bill(value: Values) -> RenderableType:
    """One bill, each amount beside ours, and what the hub says if it was asked."""
    return Group(_bill(value), *_beside(value))


def bill_explained(value: Values) -> RenderableType:
    """The same, with the reasons of our reckoning."""
    return Group(_bill(value), *_beside(value), *value["check"]["words"])


def _beside(value: Values) -> Iterator[RenderableType]:
    for title, name in (("By the CDR's tariffs", "differences"), ("By what was published", "by_published")):
        if found := value["check"][name]:
            table = lines(title, "Asked", "Reckoned", "Difference")
            for each in found:
                table.add_row(each["pointer"], each["asked"], each["recomputed"], each["difference"])
            yield table
    for verdict in value.get("hub_verdicts", []):
        said = [f"{each['message']} ({each['rule']}, {each['severity']})" for each in verdict["findings"]]
        yield f"The hub, {verdict['judged_at']}: {verdict['severity'] or 'nothing found'}"
        yield from (f"- {each}" for each in said)


def bills(found: Sequence[Values]) -> RenderableType:
    """One panel a bill."""
    return Group(*(_bill(bill) for bill in found)) if found else "No CDRs yet."


def tokens(found: Sequence[Values]) -> RenderableType:
    """One line a token."""
    table = lines("Uid", "Type", "Contract", "Valid", "Whitelist", "Updated")
    for token in found:
        table.add_row(
            token["uid"],
            token["type"],
            token["contract_id"],
            "yes" if token["valid"] else "no",
            token["whitelist"],
            token["last_updated"],
        )
    return table


def command(answer: Values) -> RenderableType:
    """What became of a command."""
    response = answer["response"] or {}
    shown = {
        "command": answer["command"],
        "to": answer["to"],
        "the CPO said": response.get("result"),
        "the charger said": answer["result"],
        "reservation": answer.get("reservation_id"),
        "reference": answer.get("authorization_reference"),
    }
    table = fields({name: value for name, value in shown.items() if value is not None})
    return table if answer.get("quote") is None else Group(quote(answer["quote"]), table)


def reservations(found: Sequence[Values]) -> RenderableType:
    """One line a reservation."""
    table = lines("Reservation", "CPO", "Location", "EVSE", "Until", "State", "Why")
    for each in found:
        place = each["cpo"], each["location"], plain(each["evse"])
        table.add_row(each["id"], *place, each["until"], each["state"], plain(each["reason"]))
    return table


def balances(found: Sequence[Values]) -> RenderableType:
    """One line a charging."""
    table = lines("CPO", "Session", "CDRs", "Net", "Total", "Currency")
    for each in found:
        owed = str(each["net"]), str(each["total"]), each["currency"]
        table.add_row(each["cpo"], plain(each["session_id"]), ", ".join(each["cdrs"]), *owed)
    return table


def _bill(bill: Values) -> RenderableType:
    table = lines("What", "Quantity", "Price", "VAT %", f"Net {bill['currency']}")
    for line in bill["lines"]:
        table.add_row(
            line["text"],
            "" if line["quantity"] is None else f"{line['quantity']} {line['unit']}",
            plain(line["unit_price"]),
            plain(line["vat_percent"]),
            str(line["net"]),
        )
    table.add_section()
    table.add_row("Net", "", "", "", str(bill["net"]))
    table.add_row("VAT", "", "", "", plain(bill["vat"]))
    table.add_row("Total", "", "", "", str(bill["total"]), style="bold")
    notes = [f"- {remark}" for remark in bill["remarks"]]
    title = Text(f"{bill['cpo']} {bill['cdr_id']} · {bill['place']} · {bill['energy_kwh']} kWh")
    return Panel(
        Group(
            f"{bill['start']} to {bill['end']}, token {bill['token']}",
            table,
            *_quoted(bill),
            _verdict(bill),
            *notes,
        ),
        title=title,
        expand=False,
    )


def _quoted(bill: Values) -> Iterator[str]:
    if (quote := bill["quote"]) is not None:
        yield (
            f"Quoted {quote['total']} {quote['currency']} for {quote['energy_kwh']} kWh in"
            f" {quote['charging_minutes']} min and {quote['parking_minutes']} min parked"
        )


def _verdict(bill: Values) -> Text:
    if bill["is_disputed"]:
        return Text("disputed" if bill["agrees"] else "disputed: not confirmed", "red")
    return Text("checked", "green") if bill["agrees"] else Text("not confirmed", "red")


def _components(element: Values) -> Iterator[str]:
    restricted = "*" if element.get("restrictions") else ""
    units = {"ENERGY": "/kWh", "TIME": "/h", "PARKING_TIME": "/h parked", "FLAT": " once"}
    for component in element["price_components"]:
        yield f"{component['price']}{units.get(component['type'], '')}{restricted}"


def _kilowatt(connector: Values) -> Decimal:
    watt = connector.get("max_electric_power")
    if watt is None:
        phases = 3 if connector["power_type"] == "AC_3_PHASE" else 1
        watt = connector["max_voltage"] * connector["max_amperage"] * phases
    return (Decimal(watt) / 1000).quantize(Decimal("0.1"))
