"""`ocpi-hub pulls …`: what the hub reads from partners' lists, and how that goes."""

import functools
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from hub.cli.asking import Asking, asks_hub
from hub.cli.words import say, table

app = typer.Typer()


def _unless_a_command_follows(command: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(command)
    def run(context: typer.Context, **given: Any) -> None:
        if context.invoked_subcommand is None:
            command(context, **given)

    return run


@app.callback(invoke_without_command=True)
@_unless_a_command_follows
@asks_hub
def pulls(
    ask: Asking,
    *,
    partner: Annotated[str | None, typer.Option(help="Only this partner's.")] = None,
) -> None:
    """Show which lists the hub reads from partners, how far it is, and what it left out.

    A partner's lists are read in full when it connects, and by date after an
    outage; regularly, if it does not push (`ocpi-hub partner set NAME --pull …`).

    For example:

        ocpi-hub pulls --partner acme
    """
    ask.answer(ask.hub.get("/pulls", {"platform": partner}), _pulls)


@app.command()
@asks_hub
def now(
    ask: Asking,
    name: Annotated[str, typer.Argument(help="The partner's name, as `partner list` shows it.")],
    *,
    module: Annotated[str | None, typer.Option(help="Only this list: locations, tariffs or tokens.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="From the beginning, not only what changed since the last time.")
    ] = False,
) -> None:
    """Read a partner's lists now, whatever its setting.

    The command does not wait for the end: `ocpi-hub pulls` shows it.

    For example:

        ocpi-hub pulls now acme --module locations --full
    """
    found = ask.hub.post("/pulls", {"platform": name, "module": module, "is_full": full})
    ask.answer(found, lambda _: say(f"Reading. How far it is: ocpi-hub pulls --partner {name}"))


def _pulls(answer: Mapping[str, Any]) -> None:
    table(
        (
            "partner", "module", "party", "status", "last full", "last by date", "next",
            "stored", "unchanged", "left out", "invalid", "what was wrong",
        ),
        (
            tuple(
                each[column]
                for column in (
                    "platform", "module", "party", "status", "full_at", "partial_at", "next_at",
                    "stored", "unchanged", "broken", "invalid", "error",
                )
            )
            for each in answer["lists"]
        ),
    )  # fmt: skip
    if not answer["lists"]:
        say("No partner offers a list to pull.")
    left_out = [(each, one) for each in answer["lists"] for one in each["left_out"]]
    if left_out:
        table(
            ("partner", "module", "left out", "owner", "reason", "correlation id"),
            (
                (
                    each["platform"],
                    each["module"],
                    one["id"],
                    one["owner"],
                    one["reason"],
                    each["correlation_id"],
                )
                for each, one in left_out
            ),
        )
