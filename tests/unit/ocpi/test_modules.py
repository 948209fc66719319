"""The table of modules against the endpoint matrix (checklist 0.2, TR-40)."""

import pytest

from hub.ocpi.errors import MethodNotAllowed, NotFound
from hub.ocpi.modules import MODULES
from schemas.v2_2_1 import InterfaceRole

SENDER, RECEIVER = InterfaceRole.SENDER, InterfaceRole.RECEIVER

MATRIX = [
    ("credentials", SENDER, "", "GET POST PUT DELETE"),
    ("hubclientinfo", SENDER, "", "GET"),
    ("hubclientinfo", RECEIVER, "/NL/TNM", "GET PUT"),
    ("locations", SENDER, "", "GET"),
    ("locations", SENDER, "/L1", "GET"),
    ("locations", SENDER, "/L1/E1", "GET"),
    ("locations", SENDER, "/L1/E1/C1", "GET"),
    ("locations", RECEIVER, "/NL/TNM/L1", "GET PUT PATCH"),
    ("locations", RECEIVER, "/NL/TNM/L1/E1", "GET PUT PATCH"),
    ("locations", RECEIVER, "/NL/TNM/L1/E1/C1", "GET PUT PATCH"),
    ("sessions", SENDER, "", "GET"),
    ("sessions", SENDER, "/S1/charging_preferences", "PUT"),
    ("sessions", RECEIVER, "/NL/TNM/S1", "GET PUT PATCH"),
    ("cdrs", SENDER, "", "GET"),
    ("cdrs", RECEIVER, "", "POST"),
    ("cdrs", RECEIVER, "/any/where", "GET"),
    ("tariffs", SENDER, "", "GET"),
    ("tariffs", RECEIVER, "/NL/TNM/T1", "GET PUT DELETE"),
    ("tokens", SENDER, "", "GET"),
    ("tokens", SENDER, "/U1/authorize", "POST"),
    ("tokens", RECEIVER, "/NL/TNM/U1", "GET PUT PATCH"),
    ("commands", RECEIVER, "/START_SESSION", "POST"),
    ("commands", RECEIVER, "/STOP_SESSION", "POST"),
    ("commands", RECEIVER, "/RESERVE_NOW", "POST"),
    ("commands", RECEIVER, "/CANCEL_RESERVATION", "POST"),
    ("commands", RECEIVER, "/UNLOCK_CONNECTOR", "POST"),
    ("commands", SENDER, "/any/where", "POST"),
    ("chargingprofiles", RECEIVER, "/S1", "GET PUT DELETE"),
    ("chargingprofiles", SENDER, "/S1", "PUT POST"),
]


@pytest.mark.holds("TR-24", "TR-40", "CR-14", by="hub")
@pytest.mark.parametrize(("module", "interface", "path", "methods"), MATRIX)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"])
def test_a_path_has_the_methods_of_the_matrix_and_no_others(
    module: str, interface: InterfaceRole, path: str, methods: str, method: str
) -> None:
    described = MODULES[module]
    if method in methods.split():
        assert described.match(interface, method, path).operation.method == method
    else:
        with pytest.raises(MethodNotAllowed):
            described.match(interface, method, path)


@pytest.mark.holds("TR-40", by="hub")
@pytest.mark.parametrize(
    ("module", "interface", "path"),
    [
        ("locations", RECEIVER, ""),
        ("locations", RECEIVER, "/NL/TNM"),
        ("locations", SENDER, "/a/b/c/d"),
        ("sessions", RECEIVER, "/NL/TNM/S1/charging_periods"),
        ("sessions", SENDER, "/S1"),
        ("commands", RECEIVER, "/MAKE_COFFEE"),
        ("tokens", RECEIVER, ""),
    ],
)
def test_other_paths_do_not_exist(module: str, interface: InterfaceRole, path: str) -> None:
    with pytest.raises(NotFound):
        MODULES[module].match(interface, "GET", path)


@pytest.mark.holds("AM-35", by="hub")
def test_doubled_and_trailing_slashes_are_put_up_with() -> None:
    match = MODULES["locations"].match(RECEIVER, "GET", "//NL//TNM/L%2F1/")
    assert match.parameters == {"country_code": "NL", "party_id": "TNM", "location_id": "L/1"}


@pytest.mark.holds("RT-02", by="hub")
def test_configuration_modules_are_not_routed() -> None:
    assert {each.id for each in MODULES.values() if not each.is_routed} == {"credentials", "hubclientinfo"}


@pytest.mark.holds("RT-39", by="hub")
def test_only_data_for_everybody_may_be_broadcast() -> None:
    assert {each.id for each in MODULES.values() if each.is_broadcast} == {"locations", "tariffs", "tokens"}
