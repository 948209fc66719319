"""What the CPO's command line shows to people."""

from collections.abc import Sequence

from rich.console import RenderableType

from partners.tables import Values, fields, lines, plain


def sessions(found: Sequence[Values]) -> RenderableType:
    """One line a session."""
    table = lines("Session", "eMSP", "Token", "EVSE", "Status", "Start", "kWh", "Cost", "Told")
    for each in found:
        session = each["session"]
        table.add_row(
            session["id"],
            _emsp(session),
            session["cdr_token"]["uid"],
            f"{session['location_id']} {session['evse_uid']}",
            session["status"],
            session["start_date_time"],
            str(session["kwh"]),
            _cost(session),
            _held(each) or each["refusal"] or ("yes" if each["is_told"] else "not yet"),
        )
    return table


def _held(session: Values) -> str | None:
    return None if session["held"] is None else f"not billed: {session['held']}"


def cdrs(found: Sequence[Values]) -> RenderableType:
    """One line a CDR."""
    table = lines("CDR", "Session", "eMSP", "End", "kWh", "Hours", "Cost", "Accepted")
    for each in found:
        cdr = each["cdr"]
        table.add_row(
            cdr["id"],
            cdr["session_id"],
            _emsp(cdr),
            cdr["end_date_time"],
            str(cdr["total_energy"]),
            str(cdr["total_time"]),
            _cost(cdr),
            each["accepted_at"] or each["refusal"] or "not yet",
        )
    return table


def cdr(found: Values) -> RenderableType:
    """One CDR, field by field."""
    return fields({**found["cdr"], "accepted_at": found["accepted_at"], "kept at": found["url"]})


def reservations(found: Sequence[Values]) -> RenderableType:
    """One line a reservation."""
    table = lines("Number", "eMSP", "Id", "Location", "Charge point", "Connector", "Until", "Session")
    for each in found:
        table.add_row(
            str(each["number"]),
            each["emsp"],
            each["reservation_id"],
            each["location_id"],
            each["charge_point"],
            str(each["connector"]) if each["connector"] else "any",
            each["until"],
            each["session_id"],
        )
    return table


def chargers(found: Sequence[Values]) -> RenderableType:
    """One line a connector."""
    table = lines("Charge point", "Link", "Connector", "Place", "Status", "Since", "Transaction", "Model")
    for charger in found:
        for connector in charger["connectors"]:
            table.add_row(
                charger["id"],
                "up" if charger["is_connected"] else "down",
                str(connector["number"]),
                f"{connector['location_id']} {connector['evse_uid']} {connector['connector_id']}",
                connector["status"] or "never told",
                plain(connector["since"]),
                " ".join(map(str, connector["transaction_ids"])),
                plain(charger["model"]),
            )
    return table


def tokens(found: Sequence[Values]) -> RenderableType:
    """One line a token."""
    table = lines("eMSP", "Uid", "Type", "Valid", "Whitelist", "Updated")
    for token in found:
        table.add_row(
            f"{token['country_code']}/{token['party_id']}",
            token["uid"],
            token["type"],
            "yes" if token["valid"] else "no",
            token["whitelist"],
            token["last_updated"],
        )
    return table


def _emsp(value: Values) -> str:
    token = value["cdr_token"]
    return f"{token['country_code']}/{token['party_id']}"


def _cost(value: Values) -> str:
    cost = value.get("total_cost")
    return "" if cost is None else f"{cost.get('incl_vat', cost['excl_vat'])} {value['currency']}"
