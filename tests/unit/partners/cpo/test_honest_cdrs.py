"""What our own CPO bills is plausible, whatever the meter said: no rule finds anything in it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.pricing.plausibility import Known, TariffVersion, judged
from partners.cpo.billing.cdrs import cdr, credit_cdr
from partners.cpo.billing.contracts import Contract
from partners.cpo.billing.costs import cost
from partners.cpo.billing.sessions import session
from partners.cpo.charging.charging_events import ConnectorStatus
from partners.cpo.charging.charging_log import Charging
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.charging.metering import Metered, StateChange, use
from partners.cpo.configuration import Place, Plug
from schemas.v2_2_1 import AuthMethod, CdrToken, Location, Tariff, Token
from tests.fixtures.samples import cdr_token, location, token
from tests.unit.pricing.random_sessions import STARTS, tariffs

MINUTE = timedelta(minutes=1)


@st.composite
def measured(draw: st.DrawFn) -> Metered:
    """A transaction of up to two hours at a connector of 22 kW, with meter values now and then."""
    start = draw(st.sampled_from(STARTS)) + draw(st.integers(0, 3599)) * timedelta(seconds=1)
    register, at = Decimal(draw(st.integers(0, 10**7))), start
    first, samples, states = register, [], []
    for _ in range(draw(st.integers(1, 8))):
        seconds, watts = draw(st.integers(20, 900)), draw(st.sampled_from([0, 3700, 11000, 22000]))
        if draw(st.booleans()):
            status = ConnectorStatus.CHARGING if watts else ConnectorStatus.SUSPENDED_EV
            states.append(StateChange(at, status))
        at += timedelta(seconds=seconds)
        register += Decimal(watts * seconds // 3600)
        samples.append(MeterSample(at=at, energy_wh=register, power_w=Decimal(watts)))
    return Metered(start, first, tuple(samples), tuple(states), at, register, Decimal(22_080))


@settings(max_examples=25, deadline=None)
@given(metered=measured(), tariff=tariffs())
def test_an_honest_cdr_of_our_own_has_no_findings(metered: Metered, tariff: Tariff) -> None:
    place = Location.model_validate(location())
    owned = tariff.model_copy(update={"country_code": "BE", "party_id": "BEC"})
    contract = Contract(
        session_id="S1",
        token=CdrToken.model_validate(cdr_token()),
        auth_method=AuthMethod.WHITELIST,
        authorization_reference=None,
        location=place,
        place=Place("LOC1", "E1", "1"),
        tariff=owned,
        meter_id=None,
    )
    charging = Charging(
        1,
        Plug("CP1", 1),
        "TAG",
        metered.start,
        metered.meter_start,
        "Accepted",
        metered.stop,
        metered.meter_stop,
    )
    used = use(metered)
    found = cost(used, contract.terms)
    if found is None:
        return
    now = used.end + MINUTE
    made = cdr("C1", contract, charging, used, found, now)
    known: dict[str, Any] = {
        "now": now,
        "sender": ("BE", "BEC"),
        "session": session(contract, charging, used, found, (), now),
        "token": Token.model_validate(token()),
        "location": place,
        "tariffs": (TariffVersion("T1", metered.start - MINUTE, owned),),
    }
    assert judged(made.to_wire(), Known(**known)).findings == ()
    back = credit_cdr(made, now).to_wire()
    assert judged(back, Known(**known, original=made.to_wire())).findings == ()
