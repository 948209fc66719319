import pytest

from partners.cpo.charging.charging_events import ConnectorStatus as Connector
from partners.cpo.charging.evse_status import evse_status
from schemas.v2_2_1 import Status


@pytest.mark.parametrize(
    ("reported", "status"),
    [
        (Connector.AVAILABLE, Status.AVAILABLE),
        (Connector.PREPARING, Status.CHARGING),
        (Connector.CHARGING, Status.CHARGING),
        (Connector.SUSPENDED_EV, Status.CHARGING),
        (Connector.SUSPENDED_EVSE, Status.CHARGING),
        (Connector.FINISHING, Status.CHARGING),
        (Connector.RESERVED, Status.RESERVED),
        (Connector.UNAVAILABLE, Status.INOPERATIVE),
        (Connector.FAULTED, Status.OUTOFORDER),
    ],
)
def test_each_state_of_a_connector_has_a_status(reported: Connector, status: Status) -> None:
    assert evse_status([reported]) is status


def test_an_operator_may_want_preparing_to_be_available_while_nobody_charges() -> None:
    assert evse_status([Connector.PREPARING], preparing=Status.AVAILABLE) is Status.AVAILABLE
    assert evse_status([Connector.PREPARING], in_transaction=True, preparing=Status.AVAILABLE) is (
        Status.CHARGING
    )
    assert evse_status([Connector.FINISHING], preparing=Status.AVAILABLE) is Status.CHARGING


def test_an_evse_that_is_blocked_by_one_connector_is_blocked_unless_somebody_charges_at_another() -> None:
    preparing = [Connector.AVAILABLE, Connector.PREPARING]
    assert evse_status(preparing, preparing=Status.BLOCKED) is Status.BLOCKED
    assert evse_status([*preparing, Connector.CHARGING], preparing=Status.BLOCKED) is Status.CHARGING
    assert evse_status(preparing, preparing=Status.BLOCKED, in_transaction=True) is Status.CHARGING


@pytest.mark.parametrize(
    ("reported", "status"),
    [
        ([], Status.UNKNOWN),
        ([Connector.AVAILABLE, Connector.CHARGING], Status.CHARGING),
        ([Connector.AVAILABLE, Connector.RESERVED], Status.RESERVED),
        ([Connector.FAULTED, Connector.AVAILABLE], Status.AVAILABLE),
        ([Connector.FAULTED, Connector.UNAVAILABLE], Status.OUTOFORDER),
    ],
)
def test_an_evse_with_several_connectors_is_one_place(reported: list[Connector], status: Status) -> None:
    assert evse_status(reported) is status


@pytest.mark.parametrize(
    ("whole", "own", "status"),
    [
        (Connector.UNAVAILABLE, Connector.AVAILABLE, Status.INOPERATIVE),
        (Connector.FAULTED, Connector.AVAILABLE, Status.OUTOFORDER),
        (Connector.FAULTED, Connector.UNAVAILABLE, Status.OUTOFORDER),
        (Connector.UNAVAILABLE, Connector.FAULTED, Status.OUTOFORDER),
        (Connector.AVAILABLE, Connector.CHARGING, Status.CHARGING),
        (Connector.AVAILABLE, Connector.FAULTED, Status.OUTOFORDER),
        (Connector.RESERVED, Connector.AVAILABLE, Status.AVAILABLE),
    ],
)
def test_connector_0_overrides_what_is_less_severe(whole: Connector, own: Connector, status: Status) -> None:
    assert evse_status([own], charge_point=whole) is status


def test_an_evse_on_which_somebody_charges_keeps_charging_while_the_charge_point_is_out_of_use() -> None:
    found = evse_status([Connector.CHARGING], charge_point=Connector.UNAVAILABLE, in_transaction=True)
    assert found is Status.CHARGING


def test_a_charge_point_that_cannot_be_reached_is_unknown() -> None:
    assert evse_status([Connector.AVAILABLE], is_reachable=False) is Status.UNKNOWN
