"""`ocpi-hub deliveries`: what the hub still owes to whom, and what was refused."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from hub.cli.asking import Asking, asks_hub
from hub.cli.words import say, table


@asks_hub
def deliveries(
    ask: Asking,
    *,
    partner: Annotated[str | None, typer.Option(help="Only this partner's.")] = None,
    resend: Annotated[
        int | None, typer.Option(metavar="ID", help="Send a refused change again, by its number.")
    ] = None,
) -> None:
    """Show who is how far behind, who is tried again when, and what was refused.

    A refused change is not repeated by itself. With --resend the newest state
    of its object is sent once more; the exit code is 1 if it is refused again.

    For example:

        ocpi-hub deliveries

        ocpi-hub deliveries --resend 17
    """
    if resend is not None:
        found = ask.hub.post(f"/dead-letters/{resend}/resend")
        ask.answer(found, _sent_again)
        if not found["is_delivered"]:
            raise typer.Exit(1)
        return
    ask.answer(ask.hub.get("/deliveries", {"platform": partner}), _deliveries)


def _sent_again(answer: Mapping[str, Any]) -> None:
    if answer["is_delivered"]:
        say("Delivered; it is no dead letter any more.")
        return
    codes = f"HTTP {answer['http_status']}, OCPI {answer['status_code']}"
    say(f"Not delivered ({answer['verdict']}, {codes}): {answer['reason']}")


def progress(receivers: Iterable[Mapping[str, Any]]) -> None:
    """Print how far receivers have come."""
    columns = ("platform", "receiver", "waiting", "resyncs", "status", "retry_at", "last_failure")
    table(
        ("partner", "receiver", "waiting", "resyncs", "status", "tries again", "last failure"),
        (tuple(each[column] for column in columns) for each in receivers),
    )


def _deliveries(answer: Mapping[str, Any]) -> None:
    progress(answer["receivers"])
    if not answer["dead_letters"]:
        say("Nothing was refused.")
        return
    table(
        ("id", "partner", "receiver", "change", "refused at", "HTTP", "OCPI", "reason", "correlation id"),
        (
            (
                each["id"],
                each["platform"],
                each["receiver"],
                f"{each['method']} {each['module']}{each['tail']}",
                each["refused_at"],
                each["http_status"],
                each["status_code"],
                each["reason"],
                each["correlation_id"],
            )
            for each in answer["dead_letters"]
        ),
    )
