"""For whom an open request is: never for who may not be meant, never for one of two (RT-47 to RT-51)."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from hub.directory.directory import Directory, DistantParty, HubRole, Platform, RegisteredRole
from hub.ocpi.description import Clue, Operation
from hub.ocpi.errors import InvalidParameters, OcpiError, UnknownReceiver
from hub.ocpi.headers import MessageIds, Routing
from hub.ocpi.message import Message
from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party
from hub.routing.addressee import Candidates, Content, Found, Meant, addressee
from hub.routing.destination import AskAll, Broadcast, Destination, Direct, destination, is_push_to_everybody
from schemas.v2_2_1 import ConnectionStatus, InterfaceRole, Role

HUB = Party("NL", "HUB")
PARTIES = [Party("NL", f"P{number}") for number in range(5)]
OPEN = [
    (module.id, operation)
    for module in MODULES.values()
    if module.is_routed
    for operation in module.operations
    if not operation.paged
]
ENDPOINTS = [
    (module.id, interface) for module in MODULES.values() if module.is_routed for interface in InterfaceRole
]


def message(module: str, operation: Operation) -> Message:
    """A message that names nobody."""
    parameters = {part[1:-1]: "X" for part in operation.path if part.startswith("{")}
    ids = MessageIds("1", "2")
    return Message(MODULES[module], operation, parameters, "", "", ids, Routing(), (), b"")


def found(module: str, method: str, clue: Clue | None) -> Message:
    """The message of an operation with this clue."""
    operation = next(
        each
        for each in MODULES[module].operations
        if (each.method, each.clue) == (method, clue) and not each.paged
    )
    return message(module, operation)


@st.composite
def worlds(draw: st.DrawFn) -> Directory:
    """A few platforms with a few parties; no party has one role on two of them (CRE)."""
    roles = draw(
        st.lists(
            st.tuples(st.sampled_from(PARTIES), st.sampled_from(Role), st.integers(1, 4)),
            min_size=1,
            max_size=10,
            unique_by=lambda each: each[:2],
        )
    )
    platforms = [
        Platform(
            number,
            f"platform {number}",
            draw(st.sampled_from(ConnectionStatus) | st.just(ConnectionStatus.CONNECTED)),
            outbound_token="shown",
            roles=tuple(RegisteredRole(party, role, "{}") for party, role, home in roles if home == number),
            endpoints={
                each: f"http://p{number}/{each[0]}"
                for each in draw(st.sets(st.sampled_from(ENDPOINTS)) | st.just(set(ENDPOINTS)))
            },
        )
        for number in {home for _, _, home in roles}
    ]
    return Directory.of(HUB, platforms, {})


CONTENTS = st.builds(
    Content,
    st.frozensets(st.sampled_from([*PARTIES, Party("XX", "XXX")]), max_size=3),
    st.none() | st.sampled_from(PARTIES),
)
PAIRS = st.sets(st.tuples(st.sampled_from(PARTIES), st.sampled_from(PARTIES)))


@pytest.mark.holds("RT-12", "RT-48", "RT-50", "RT-51", by="hub")
@given(worlds(), st.sampled_from(OPEN), CONTENTS, PAIRS, st.booleans(), st.data())
def test_nobody_gets_an_open_request_who_may_not_and_never_one_of_two(
    directory: Directory,
    kind: tuple[str, Operation],
    content: Content,
    forbidden: set[tuple[Party, Party]],
    asks_all: bool,  # noqa: FBT001 hypothesis gives it by position
    data: st.DataObject,
) -> None:
    asked = message(*kind)
    caller = data.draw(st.sampled_from(list(directory.platforms.values())))
    sender = data.draw(st.sampled_from([each.party for each in caller.roles]))

    def may_exchange(one: Party, other: Party, _module: str) -> bool:
        return (one, other) not in forbidden

    def may_be_meant(party: Party) -> bool:
        roles = asked.module.roles(asked.interface)
        is_here = any(role in roles and home.id != caller.id for home, role in directory.holders(party))
        return is_here and may_exchange(sender, party, asked.module.id)

    def check(to: Direct) -> None:
        assert may_be_meant(to.party)
        assert to.platform.id != caller.id
        assert to.platform.is_connected
        assert set(to.platform.roles_of(to.party)) & asked.module.roles(asked.interface)

    def decided() -> Destination | int:
        try:
            return destination(asked, sender, caller, directory, may_exchange, content, asks_all=asks_all)
        except OcpiError as refusal:
            return refusal.status_code

    meant = {party for party in content.parties if may_be_meant(party)}
    to = decided()
    event(str(to) if isinstance(to, int) else type(to).__name__)
    match to:
        case int():
            assert to in {2000, 2001, 4000, 4001, 4003}
            # What is for everybody is nobody's in particular, whatever its content names.
            assert is_push_to_everybody(asked) or to == 2001 or len(meant) < 2
        case Direct():
            check(to)
            assert not content.parties or meant == {to.party}
        case AskAll(receivers):
            assert (asked.operation.clue, asks_all, content.parties) == (Clue.TOKEN, True, frozenset())
            assert len({receiver.party for receiver in receivers}) == len(receivers)
            for receiver in receivers:
                check(receiver)
                assert Role.EMSP in {role for _, role in directory.holders(receiver.party)}
        case _:
            assert isinstance(to, Broadcast)
            assert asked.module.is_broadcast


def two_cpos(may_exchange: Callable[[Party, Party, str], bool], asked: Message) -> Candidates:
    """An eMSP that asks, and two CPOs that may be meant."""
    emsp, one, other = PARTIES[:3]
    roles = ((emsp, Role.EMSP), (one, Role.CPO), (other, Role.CPO))
    platforms = [
        Platform(number, "x", ConnectionStatus.CONNECTED, roles=(RegisteredRole(party, role, "{}"),))
        for number, (party, role) in enumerate(roles)
    ]
    return Candidates(asked, emsp, platforms[0], Directory.of(HUB, platforms, {}), may_exchange)


@pytest.mark.holds("RT-50", by="hub")
def test_of_two_owners_the_one_is_meant_with_whom_the_asker_may_exchange() -> None:
    asked = found("locations", "GET", Clue.LOCATION)
    _, one, other = PARTIES[:3]
    both = Content(frozenset({one, other}))
    with pytest.raises(InvalidParameters):
        addressee(asked, both, two_cpos(lambda *_: True, asked))
    only_other = two_cpos(lambda _one, to, _module: to == other, asked)
    assert addressee(asked, both, only_other) == Meant(other, Found.BY_CONTENT)
    # What the other one has is not looked for at somebody else.
    with pytest.raises(UnknownReceiver):
        addressee(asked, Content(frozenset({one})), only_other)


@pytest.mark.holds("RT-46", by="hub")
def test_the_addressee_is_spelled_as_it_registered() -> None:
    asked = found("locations", "GET", Clue.LOCATION)
    lower = Content(frozenset({Party("nl", "p1")}))
    to = addressee(asked, lower, two_cpos(lambda *_: True, asked))
    assert isinstance(to, Meant)
    assert (to.party.country_code, to.party.party_id) == ("NL", "P1")


@pytest.mark.holds("RT-10", "RT-49", "AM-56", by="hub")
def test_a_party_behind_another_hub_is_meant_where_the_content_names_it_and_nobody_comes_from_a_hub() -> None:
    distant = DistantParty(
        Party("SE", "FAR"), Role.EMSP, ConnectionStatus.CONNECTED, datetime(2026, 1, 1, tzinfo=UTC)
    )
    cpo = RegisteredRole(PARTIES[0], Role.CPO, "{}")
    here = Platform(1, "here", ConnectionStatus.CONNECTED, roles=(cpo,))
    other = Platform(
        2,
        "other",
        ConnectionStatus.CONNECTED,
        hub_role=HubRole.ALLOWED,
        roles=(RegisteredRole(Party("SE", "HUB"), Role.HUB, "{}"),),
        distant=(distant,),
    )
    directory = Directory.of(HUB, [here, other], {})
    asked = found("cdrs", "POST", Clue.CDR_TOKEN)
    named = Content(frozenset({distant.party}))
    candidates = Candidates(asked, PARTIES[0], here, directory, lambda *_: True)
    assert addressee(asked, named, candidates) == Meant(distant.party, Found.BY_CONTENT)
    from_a_hub = Candidates(asked, Party("FI", "FAR"), other, directory, lambda *_: True)
    with pytest.raises(UnknownReceiver):
        addressee(asked, named, from_a_hub)
    strange = found("tokens", "POST", Clue.TOKEN)
    with pytest.raises(UnknownReceiver):
        addressee(strange, Content(), Candidates(strange, PARTIES[0], here, directory, lambda *_: True))
