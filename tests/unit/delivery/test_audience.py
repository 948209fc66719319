"""Who is owed a change (2.2.1, Broadcast Push; RT-31 to RT-34, AM-57, AM-58)."""

from itertools import product

import pytest

from hub.delivery.audience import Receiver, is_owed, receivers
from hub.delivery.changes import Change
from hub.directory.directory import Platform
from hub.ocpi.party import Party, PartyRole
from schemas.v2_2_1 import Role
from tests.unit.delivery.in_few_words import logged, platform

ROLES = (Role.CPO, Role.EMSP, Role.NAP, Role.NSP, Role.OTHER, Role.SCSP, Role.HUB)
OWED = {
    ("locations", Role.CPO): {Role.EMSP, Role.NSP, Role.OTHER, Role.NAP},
    ("tariffs", Role.CPO): {Role.EMSP, Role.NSP, Role.OTHER, Role.NAP},
    ("tokens", Role.EMSP): {Role.CPO},
    ("tokens", Role.OTHER): {Role.CPO},
    ("locations", Role.NAP): {Role.EMSP, Role.NSP, Role.OTHER},
}


def everybody(_sender: Party, _receiver: Party, _module: str) -> bool:
    return True


def owed_to(change: Change, at: Platform) -> set[Role]:
    return {
        receiver.party_role.role
        for receiver in receivers(at)
        if receiver.party_role is not None and is_owed(change, receiver, at, everybody)
    }


@pytest.mark.parametrize(("module", "sender"), list(OWED))
def test_a_broadcast_goes_to_the_opposite_roles(module: str, sender: Role) -> None:
    at = platform(2, *((role, f"DE/{role[:3]}") for role in ROLES))
    assert owed_to(logged(module=module, role=sender), at) == OWED[module, sender]


@pytest.mark.parametrize(
    ("module", "sender"), [("tokens", Role.CPO), ("locations", Role.SCSP), ("locations", Role.NSP)]
)
def test_a_nap_gets_no_tokens_and_some_roles_broadcast_nothing(module: str, sender: Role) -> None:
    at = platform(2, (Role.NAP, "DE/NAP"))
    assert owed_to(logged(module=module, role=sender), at) == set()


def test_a_broadcast_is_not_echoed_to_its_sender() -> None:
    """RT-34, AM-58: neither to another role of the party, wherever it lives, nor to another party there."""
    elsewhere = platform(2, (Role.EMSP, "nl/tnm"))
    same_platform = platform(1, (Role.EMSP, "DE/ABC"))
    assert owed_to(logged(), elsewhere) == owed_to(logged(), same_platform) == set()
    assert owed_to(logged(), platform(2, (Role.EMSP, "DE/ABC"))) == {Role.EMSP}


def test_a_platform_without_the_module_gets_nothing() -> None:
    """RT-31."""
    at = platform(2, (Role.EMSP, "DE/ABC"), modules=("tariffs", "hubclientinfo"))
    assert owed_to(logged(), at) == set()
    assert owed_to(logged(module="tariffs"), at) == {Role.EMSP}


def test_the_policy_decides_for_each_pair_and_module() -> None:
    at = platform(2, (Role.EMSP, "DE/ABC"), (Role.EMSP, "DE/XYZ"))
    asked: list[tuple[str, str, str]] = []

    def only_abc(sender: Party, receiver: Party, module: str) -> bool:
        asked.append((str(sender), str(receiver), module))
        return str(receiver) == "DE/ABC"

    owed = [str(each) for each in receivers(at) if is_owed(logged(), each, at, only_abc)]
    assert owed == ["DE/ABC EMSP"]
    assert asked == [("NL/TNM", "DE/ABC", "locations"), ("NL/TNM", "DE/XYZ", "locations")]


def test_client_info_goes_to_other_platforms_as_such() -> None:
    """HCI-01, HCI-07: once for each platform, whatever its roles, and not to the one that it is about."""
    change = logged(module="hubclientinfo", role=Role.HUB, platform=1)
    for number, expected in ((1, []), (2, ["hubclientinfo"])):
        at = platform(number, (Role.EMSP, "DE/ABC"), (Role.CPO, "DE/ABC"))
        assert [str(each) for each in receivers(at) if is_owed(change, each, at, everybody)] == expected


def test_client_info_is_only_for_those_who_may_exchange_something() -> None:
    """HCI-06."""
    change = logged(module="hubclientinfo", role=Role.HUB)
    at = platform(2, (Role.EMSP, "DE/ABC"), (Role.EMSP, "DE/XYZ"))
    as_such = Receiver(2)
    assert is_owed(change, as_such, at, lambda _s, receiver, _m: str(receiver) == "DE/XYZ")
    assert not is_owed(change, as_such, at, lambda *_: False)


def test_platform_receivers_and_party_receivers_do_not_share_anything() -> None:
    at = platform(2, (Role.EMSP, "DE/ABC"))
    by_module = {
        module: [str(each) for each in receivers(at) if is_owed(logged(module=module), each, at, everybody)]
        for module in ("locations", "hubclientinfo")
    }
    assert by_module == {"locations": ["DE/ABC EMSP"], "hubclientinfo": ["hubclientinfo"]}


def test_a_platform_that_is_not_registered_has_no_receivers() -> None:
    assert receivers(platform(2, (Role.EMSP, "DE/ABC"), token=None)) == ()


@pytest.mark.parametrize(("sender", "receiver"), list(product((Role.CPO, Role.EMSP), (Role.CPO, Role.EMSP))))
def test_like_is_never_owed_to_like(sender: Role, receiver: Role) -> None:
    at = platform(2, (receiver, "DE/ABC"))
    as_party = Receiver(2, PartyRole(Party("DE", "ABC"), receiver))
    assert is_owed(logged(role=sender), as_party, at, everybody) is (sender is not receiver)
