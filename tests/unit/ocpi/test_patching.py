"""The PATCH rule (TR-22, SES-04, AM-17, AM-19)."""

from hypothesis import given
from hypothesis import strategies as st

from hub.ocpi.patching import patched

fields = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.none(), max_size=6)


@given(fields, fields)
def test_only_the_given_fields_change(stored: dict[str, object], patch: dict[str, object]) -> None:
    result = patched(stored, patch)
    for name in {*stored, *patch}:
        if name not in patch:
            assert result[name] == stored[name]
        elif patch[name] is None:
            assert name not in result
        else:
            assert result[name] == patch[name]


def test_charging_periods_are_appended() -> None:
    session = {"charging_periods": [{"n": 1}, {"n": 2}]}
    assert patched(session, {"charging_periods": [{"n": 3}]})["charging_periods"] == [
        {"n": 1}, {"n": 2}, {"n": 3},
    ]  # fmt: skip


def test_no_charging_periods_leave_the_list_as_it_is() -> None:
    session = {"charging_periods": [{"n": 1}]}
    assert patched(session, {"charging_periods": []}) == session
    assert patched(session, {"kwh": 1})["charging_periods"] == [{"n": 1}]


def test_evses_and_connectors_are_merged_by_their_ids() -> None:
    stored = {"evses": [{"uid": "a", "status": "AVAILABLE", "connectors": [{"id": "1", "max_voltage": 230}]}]}
    patch = {"evses": [{"uid": "A", "connectors": [{"id": "2"}]}, {"uid": "b"}]}
    assert patched(stored, patch)["evses"] == [
        {"uid": "A", "status": "AVAILABLE", "connectors": [{"id": "1", "max_voltage": 230}, {"id": "2"}]},
        {"uid": "b"},
    ]


def test_other_lists_are_replaced_whole() -> None:
    assert patched({"tariff_ids": ["1", "2"]}, {"tariff_ids": ["3"]}) == {"tariff_ids": ["3"]}
