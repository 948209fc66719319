"""What is kept in mind of chargers, message by message."""

from datetime import timedelta
from decimal import Decimal

from partners.cpo.charging.charging_events import AuthorizationStatus, ConnectorStatus, StartedTransaction
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.configuration import Plug
from partners.cpo.health.observations import Observations
from partners.cpo.health.rules import RULES, Health, Ill, Rule
from partners.cpo.health.thresholds import Thresholds
from partners.cpo.health.vitals import Vitals
from partners.database import Database
from tests.fixtures.clocks import Clock

PLUG = Plug("CP1", 1)
LIMITS = Thresholds()


class Seen:
    """Observations of one charger, and the clock by which they are made."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = ChargingLog(Database())
        self.seen = Observations(["CP1"], self.log, self.clock, LIMITS)
        self.seen.came("CP1")

    @property
    def vitals(self) -> Vitals:
        return self.seen.vitals(PLUG, self.seen.link("CP1"))

    def judged(self, rule: Rule) -> object:
        return RULES[rule].judge(self.vitals, LIMITS, self.clock())

    def tells(self, wh: int) -> Decimal | None:
        return self.seen.measured(PLUG, (MeterSample(self.clock(), Decimal(wh)),))

    def started(self, wh: int, *, ago: timedelta = timedelta()) -> Charging:
        told = StartedTransaction("CP1", 1, "CARD1", Decimal(wh), self.clock() - ago)
        charging = self.log.start(told, AuthorizationStatus.ACCEPTED)
        self.seen.session(charging, charging.meter_start)
        return charging

    def stopped(self, charging: Charging, wh: int) -> None:
        ended = self.log.stop(charging, self.clock(), Decimal(wh), "Local")
        self.seen.session(ended, ended.meter_stop)


def test_energy_that_flows_without_a_session_is_told_after_a_while_and_ends_when_the_register_rests() -> None:
    made = Seen()
    made.tells(1000)
    made.clock.passes(minutes=5)
    assert made.tells(3500) == 2500
    assert made.judged(Rule.UNMETERED) is Health.UNKNOWN
    made.clock.passes(minutes=10)
    assert made.tells(4000) == 500
    made.clock.passes(minutes=5)
    found = made.judged(Rule.UNMETERED)
    assert isinstance(found, Ill)
    assert found.why == "3 kWh flowed without a session"
    made.clock.passes(minutes=11)
    made.tells(4001)
    assert made.judged(Rule.UNMETERED) is Health.WELL


def test_a_session_that_is_told_late_explains_what_had_flowed() -> None:
    made = Seen()
    made.tells(1000)
    made.clock.passes(minutes=5)
    made.tells(9000)
    charging = made.started(1000, ago=timedelta(minutes=5))
    made.stopped(charging, 9000)
    made.clock.passes(hours=1)
    assert made.judged(Rule.UNMETERED) is Health.UNKNOWN
    made.tells(9000)
    assert made.judged(Rule.UNMETERED) is Health.WELL


def test_a_session_that_begins_later_explains_nothing_and_shows_what_flowed_before_it() -> None:
    made = Seen()
    made.stopped(made.started(1000), 2000)
    made.clock.passes(hours=5)
    made.started(7000)
    made.clock.passes(minutes=16)
    found = made.judged(Rule.UNMETERED)
    assert isinstance(found, Ill)
    assert made.vitals.unmetered_wh == 5000


def test_a_charger_may_use_a_little_itself_and_a_meter_may_be_a_new_one() -> None:
    made = Seen()
    for wh in (1000, 1050, 1100, 20, 40):
        assert made.tells(wh) is None
        made.clock.passes(minutes=20)
    assert made.judged(Rule.UNMETERED) is Health.WELL


def test_energy_stands_still_only_while_it_says_that_it_charges() -> None:
    made = Seen()
    made.started(1000)
    made.seen.status(PLUG, ConnectorStatus.SUSPENDED_EV, "NoError")
    for _ in range(9):
        made.clock.passes(minutes=10)
        made.tells(1000)
        assert made.judged(Rule.NO_ENERGY) is Health.UNKNOWN
    made.seen.status(PLUG, ConnectorStatus.CHARGING, "NoError")
    made.clock.passes(minutes=10)
    made.tells(1000)
    assert made.judged(Rule.NO_ENERGY) is Health.UNKNOWN
    made.clock.passes(minutes=5)
    made.tells(1000)
    assert isinstance(made.judged(Rule.NO_ENERGY), Ill)
    made.tells(1400)
    assert made.judged(Rule.NO_ENERGY) is Health.WELL


def test_out_of_use_for_a_moment_does_not_begin_a_state_anew() -> None:
    made = Seen()
    begun = made.clock()
    made.seen.status(PLUG, ConnectorStatus.PREPARING, "NoError")
    for status in (ConnectorStatus.UNAVAILABLE, ConnectorStatus.PREPARING):
        made.clock.passes(minutes=20)
        made.seen.status(PLUG, status, "NoError")
    assert made.vitals.status_since == begun
    assert isinstance(made.judged(Rule.STUCK), Ill)
    made.seen.status(PLUG, ConnectorStatus.AVAILABLE, "NoError")
    made.seen.status(PLUG, ConnectorStatus.PREPARING, "NoError")
    assert made.vitals.status_since == made.clock()


def test_the_same_status_said_again_is_no_news_and_another_error_code_is() -> None:
    made = Seen()
    assert made.seen.status(PLUG, ConnectorStatus.FAULTED, "GroundFailure")
    assert not made.seen.status(PLUG, ConnectorStatus.FAULTED, "GroundFailure")
    assert made.seen.status(PLUG, ConnectorStatus.FAULTED, "OverVoltage")


def test_one_card_that_is_accepted_makes_all_refusals_before_it_forgotten() -> None:
    made = Seen()
    for _ in range(5):
        assert not made.seen.authorized("CP1", AuthorizationStatus.INVALID)
    assert isinstance(made.judged(Rule.REFUSALS), Ill)
    assert made.seen.authorized("CP1", AuthorizationStatus.ACCEPTED)
    assert made.judged(Rule.REFUSALS) is Health.WELL
