"""The table of rules: what every CDR is held against, in the order in which findings are told."""

from collections.abc import Iterator
from typing import Final

from hub.pricing.plausibility import rules_of_energy as energy
from hub.pricing.plausibility import rules_of_money as money
from hub.pricing.plausibility import rules_of_objects as objects
from hub.pricing.plausibility import rules_of_others as others
from hub.pricing.plausibility import rules_of_time as time
from hub.pricing.plausibility.case import Case
from hub.pricing.plausibility.rule import Rule
from hub.pricing.plausibility.values import Doubt, Severity, Side

REFUSE, HOLD, NOTE = Severity


def _read_before(_case: Case) -> Iterator[Doubt]:
    """What the schema finds is said before there is a case at all."""
    return iter(())


SCHEMA: Final = Rule(
    "schema", REFUSE, "It is a CDR of OCPI 2.2.1; what can be read all the same is a note.", _read_before
)

#: Every rule, by the one place where its id and severity are said.
RULES: Final = (
    SCHEMA,
    Rule("sender", REFUSE, "It comes from the party that owns it.", objects.sender),
    Rule("duplicate", REFUSE, "No CDR with this id and other content came before.", others.duplicate),
    Rule("end-before-start", REFUSE, "It does not end before it starts.", time.end_before_start),
    Rule("end-in-future", HOLD, "It does not end in the future.", time.end_in_future),
    Rule("too-old", HOLD, "It comes in time after its end; a Credit CDR always does.", time.too_old),
    Rule(
        "duration-energy",
        HOLD,
        "Some charger can give the energy in the time; a day without any energy is a note.",
        energy.duration_against_energy,
    ),
    Rule(
        "power",
        HOLD,
        "The connector can have given the energy in the time: beyond 105 % a note, beyond 120 % held.",
        energy.energy_against_power,
    ),
    Rule("negative", REFUSE, "No energy and no time is negative.", energy.negative),
    Rule("too-much-energy", HOLD, "The energy is not more than a vehicle can take.", energy.too_much_energy),
    Rule(
        "total-energy",
        HOLD,
        "`total_energy` is the energy of the periods; a note where no period tells of energy.",
        energy.total_energy,
    ),
    Rule(
        "total-time",
        HOLD,
        "`total_time` is the time from start to end, with or without the reservation; parking is part of it.",
        time.total_time,
    ),
    Rule("periods", HOLD, "The charging periods are in order, and begin within the session.", time.periods),
    Rule(
        "price-lines",
        HOLD,
        "Each total of a kind (fixed, energy, time, parking, reservation) is the recomputed one.",
        money.price_of_lines,
    ),
    Rule("price-total", HOLD, "`total_cost` can be recomputed, and is that.", money.price_of_all),
    Rule(
        "tariff",
        HOLD,
        "Each tariff is the one that was valid at the start, as far as the hub knows that time.",
        money.tariff_at_start,
    ),
    Rule("currency", REFUSE, "CDR and tariffs are in one currency.", money.currency),
    Rule(
        "vat",
        HOLD,
        "With VAT is what the tariff says, or else between no and much VAT; that it is missing is a note.",
        money.vat,
    ),
    Rule(
        "session",
        HOLD,
        "It says what the session's last state says; one that is not over is a note.",
        objects.session,
    ),
    Rule(
        "unknown-session",
        HOLD,
        "The session was told of, if its CPO tells of sessions.",
        objects.unknown_session,
    ),
    Rule("unknown-token", NOTE, "The token is known, if its eMSP publishes tokens.", objects.unknown_token),
    Rule(
        "unknown-location",
        HOLD,
        "Location, EVSE and connector are known, if its CPO publishes locations.",
        objects.unknown_location,
    ),
    Rule("token-invalid", HOLD, "The token was not invalid when the session started.", objects.token_valid),
    Rule("overlap", HOLD, "No other CDR has the same EVSE at the same time.", others.overlap, Side.CPO),
    Rule(
        "two-places",
        NOTE,
        "The same token was not too far away too shortly before or after.",
        others.two_places,
        Side.EMSP,
    ),
    Rule(
        "credit",
        REFUSE,
        "A Credit CDR mirrors its original, and alone does; an original that is not known is a note.",
        others.credit,
    ),
)
BY_ID: Final = {rule.id: rule for rule in RULES}
