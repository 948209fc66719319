"""`ocpi-node cpo alerts`: what is wrong with chargers, and what is being done about it."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import RenderableType

from partners.remote import Json, Key, Node, RemoteNode, show
from partners.tables import Values, fields, lines, plain

ChargePoint = Annotated[str, typer.Argument(help="The charge point's identity.")]


def add_health_commands(app: typer.Typer, default_node: str) -> None:
    """Add `alerts` and `events`."""
    alerts = typer.Typer(help="What is wrong with chargers, and what was tried.")
    app.add_typer(alerts, name="alerts")

    @alerts.callback(invoke_without_command=True)
    def list_alerts(
        context: typer.Context,
        *,
        all_alerts: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
        node: Node = default_node,
        key: Key = "",
        as_json: Json = False,
    ) -> None:
        if context.invoked_subcommand is None:
            path = "/alerts?all=yes" if all_alerts else "/alerts"
            show(RemoteNode(node, key).ask("GET", path), as_json=as_json, table=shown_alerts)

    @alerts.command()
    def close(
        alert: Annotated[int, typer.Argument(help="Its number, as `alerts` shows it.")],
        *,
        node: Node = default_node,
        key: Key = "",
        as_json: Json = False,
    ) -> None:
        """Say that a charger is well, where it cannot prove it by itself. Exit status 1 if it is not open."""
        show(RemoteNode(node, key).ask("POST", f"/alerts/{alert}/close"), as_json=as_json, table=shown_alerts)

    @alerts.command()
    def pause(
        charge_point: ChargePoint, *, node: Node = default_node, key: Key = "", as_json: Json = False
    ) -> None:
        """Try no repairs at a charge point, as while somebody works there; alerts go on."""
        _set_paused(charge_point, node, key, as_json=as_json, paused=True)

    @alerts.command()
    def resume(
        charge_point: ChargePoint, *, node: Node = default_node, key: Key = "", as_json: Json = False
    ) -> None:
        """Try repairs again."""
        _set_paused(charge_point, node, key, as_json=as_json, paused=False)

    @app.command()
    def events(
        charge_point: ChargePoint,
        *,
        count: Annotated[int, typer.Option(min=1, max=1000, help="How many lines.")] = 100,
        node: Node = default_node,
        key: Key = "",
        as_json: Json = False,
    ) -> None:
        """What happened at a charge point, the last line last."""
        path = f"/chargers/{quote(charge_point, safe='')}/events?count={count}"
        show(RemoteNode(node, key).ask("GET", path), as_json=as_json, table=shown_events)


def _set_paused(charge_point: str, node: str, key: str, *, as_json: bool, paused: bool) -> None:
    path = f"/chargers/{quote(charge_point, safe='')}/repairs"
    show(RemoteNode(node, key).ask("PUT", path, {"paused": paused}), as_json=as_json, table=fields)


def shown_alerts(found: Sequence[Values]) -> RenderableType:
    """One line an alert."""
    table = lines("Alert", "Charge point", "Connector", "Rule", "Since", "Why", "Repairs", "State")
    for each in found:
        repairs = ", ".join(f"{one['step']}: {one['outcome'] or 'under way'}" for one in each["repairs"])
        table.add_row(
            str(each["id"]),
            each["charge_point"],
            plain(each["connector"]) or "all",
            each["rule"],
            each["since"],
            each["why"],
            repairs + (" (paused)" if each["is_paused"] else ""),
            _state(each),
        )
    return table


def _state(alert: Values) -> str:
    if alert["cleared_at"] is not None:
        return f"over since {alert['cleared_at']}: {alert['cleared_by']}"
    return "needs a person" if alert["needs_human"] else "open"


def shown_events(found: Sequence[Values]) -> RenderableType:
    """One line an event."""
    table = lines("At", "Connector", "What", "Details")
    for each in found:
        details = ", ".join(f"{name} {value}" for name, value in each["detail"].items())
        table.add_row(each["at"], plain(each["connector"]), each["kind"], details)
    return table
