"""What the eMSP's command line shows to people: answers of the node's own API as tables."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

Values = Mapping[str, Any]


def locations(found: Sequence[Values]) -> RenderableType:
    """One line a connector."""
    table = _table("Owner", "Location", "Address", "EVSE", "Connector", "kW", "Status", "Tariff")
    for each in found:
        location, tariffs = each["location"], {tariff["id"]: tariff for tariff in each["tariffs"]}
        for evse in location.get("evses", []):
            for connector in evse["connectors"]:
                names = connector.get("tariff_ids", [])
                table.add_row(
                    _party(location),
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
    table = _table("CPO", "Session", "Token", "Location", "EVSE", "Status", "Start", "kWh", "Cost")
    for session in found:
        cost = session.get("total_cost")
        table.add_row(
            _party(session),
            session["id"],
            session["cdr_token"]["uid"],
            session["location_id"],
            session["evse_uid"],
            session["status"],
            session["start_date_time"],
            str(session["kwh"]),
            "" if cost is None else f"{cost.get('incl_vat', cost['excl_vat'])} {session['currency']}",
        )
    return table


def bills(found: Sequence[Values]) -> RenderableType:
    """One panel a bill."""
    return Group(*(_bill(bill) for bill in found)) if found else "No CDRs yet."


def tokens(found: Sequence[Values]) -> RenderableType:
    """One line a token."""
    table = _table("Uid", "Type", "Contract", "Valid", "Whitelist", "Updated")
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
    return fields({name: value for name, value in shown.items() if value is not None})


def fields(value: Values) -> RenderableType:
    """Name and value, line by line."""
    table = Table.grid(padding=(0, 2))
    for name, text in _lines(value):
        table.add_row(name, text)
    return table


def _bill(bill: Values) -> RenderableType:
    table = _table("What", "Quantity", "Price", "VAT %", f"Net {bill['currency']}")
    for line in bill["lines"]:
        table.add_row(
            line["text"],
            "" if line["quantity"] is None else f"{line['quantity']} {line['unit']}",
            _text(line["unit_price"]),
            _text(line["vat_percent"]),
            str(line["net"]),
        )
    table.add_section()
    table.add_row("Net", "", "", "", str(bill["net"]))
    table.add_row("VAT", "", "", "", _text(bill["vat"]))
    table.add_row("Total", "", "", "", str(bill["total"]), style="bold")
    verdict = Text("checked", "green") if bill["agrees"] else Text("not confirmed", "red")
    notes = [f"- {remark}" for remark in bill["remarks"]]
    title = Text(f"{bill['cpo']} {bill['cdr_id']} · {bill['place']} · {bill['energy_kwh']} kWh")
    return Panel(
        Group(f"{bill['start']} to {bill['end']}, token {bill['token']}", table, verdict, *notes), title=title
    )


def _components(element: Values) -> Iterator[str]:
    restricted = "*" if element.get("restrictions") else ""
    units = {"ENERGY": "/kWh", "TIME": "/h", "PARKING_TIME": "/h parked", "FLAT": " once"}
    for component in element["price_components"]:
        yield f"{component['price']}{units.get(component['type'], '')}{restricted}"


def _lines(value: Values) -> Iterator[tuple[str, str]]:
    for name, each in value.items():
        if isinstance(each, list):
            for item in each:
                text = " ".join(map(str, item.values())) if isinstance(item, dict) else str(item)
                yield name, text
        elif isinstance(each, dict):
            yield name, ", ".join(f"{key} {text}" for key, text in each.items())
        else:
            yield name, _text(each)


def _kilowatt(connector: Values) -> Decimal:
    watt = connector.get("max_electric_power")
    if watt is None:
        phases = 3 if connector["power_type"] == "AC_3_PHASE" else 1
        watt = connector["max_voltage"] * connector["max_amperage"] * phases
    return (Decimal(watt) / 1000).quantize(Decimal("0.1"))


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _party(value: Values) -> str:
    return f"{value['country_code']}/{value['party_id']}"


def _text(value: Any) -> str:
    return "" if value is None else str(value)
