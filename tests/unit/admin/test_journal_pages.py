"""Journal and traces by way of the administration API."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.admin.moments import instant
from hub.store.journal import Direction, JournalEntry, Purpose
from tests.fixtures.admin_hub import AdminHub, admin_hub

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
IN = JournalEntry(
    at=NOW,
    took=timedelta(milliseconds=31),
    direction=Direction.IN,
    purpose=Purpose.RELAY,
    correlation_id="a/b c",
    request_id="req-1",
    method="POST",
    url="/ocpi/2.2.1/receiver/commands/START_SESSION",
    platform="abc",
    module="commands",
    to_party="NL/TNM",
    from_party="DE/ABC",
    http_status=200,
    status_code=1000,
    request_body=b'{"evse": 1}',
    reply_body=b'{"status_code":1000}',
)
OUT = IN._replace(
    at=NOW + timedelta(milliseconds=1),
    direction=Direction.OUT,
    platform="tnm",
    url="https://tnm/START_SESSION",
    http_status=None,
    status_code=None,
    note="it did not answer in time: no answer after 20 s",
)


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[AdminHub]:
    async with admin_hub(tmp_path) as admin:
        await admin.write_down(IN, OUT)
        yield admin


async def test_legs_come_newest_first_without_bodies(admin: AdminHub) -> None:
    answer = await admin.ask("GET", "/admin/v1/journal")
    assert [leg["platform"] for leg in answer.content["legs"]] == ["tnm", "abc"]
    assert answer.content["legs"][1] == {
        "id": 1,
        "at": "2026-01-02T03:04:05Z",
        "correlation_id": "a/b c",
        "request_id": "req-1",
        "direction": "in",
        "purpose": "relay",
        "platform": "abc",
        "method": "POST",
        "url": "/ocpi/2.2.1/receiver/commands/START_SESSION",
        "module": "commands",
        "to_party": "NL/TNM",
        "from_party": "DE/ABC",
        "http_status": 200,
        "status_code": 1000,
        "milliseconds": 31,
        "note": "",
        "request_body": None,
        "reply_body": None,
    }


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"platform": "tnm"}, [2]),
        ({"direction": "in"}, [1]),
        ({"party": "de-abc", "outcome": "failed"}, [2]),
        ({"since": "1m"}, [2, 1]),
        ({"until": "0s"}, []),
        ({"text": "evse"}, [2, 1]),
        ({"correlation_id": "a/b c", "limit": "1"}, [2]),
    ],
)
async def test_filters_are_given_in_the_query(admin: AdminHub, query: dict[str, str], ids: list[int]) -> None:
    answer = await admin.ask("GET", "/admin/v1/journal", query=query)
    assert answer.status == 200, answer.content
    assert [leg["id"] for leg in answer.content["legs"]] == ids


async def test_following_misses_nothing_and_repeats_nothing(admin: AdminHub) -> None:
    first = (await admin.ask("GET", "/admin/v1/journal", query={"platform": "nobody"})).content
    assert first == {"legs": [], "next_after": 2}
    await admin.write_down(*(IN._replace(request_id=f"more-{number}") for number in range(5)))
    seen: list[str] = []
    after = first["next_after"]
    for _ in range(4):
        page = (
            await admin.ask("GET", "/admin/v1/journal", query={"after": str(after), "limit": "2"})
        ).content
        seen += [leg["request_id"] for leg in page["legs"]]
        after = page["next_after"]
    assert seen == [f"more-{number}" for number in range(5)]


async def test_a_trace_tells_the_legs_in_order_with_bodies_on_request(admin: AdminHub) -> None:
    query = {"correlation_id": "a/b c"}
    plain = (await admin.ask("GET", "/admin/v1/trace", query=query)).content
    assert [(leg["direction"], leg["request_body"]) for leg in plain["legs"]] == [("in", None), ("out", None)]
    full = (await admin.ask("GET", "/admin/v1/trace", query={**query, "bodies": "true"})).content
    assert full["legs"][0]["request_body"] == '{"evse": 1}'


async def test_an_unknown_correlation_id_is_named(admin: AdminHub) -> None:
    answer = await admin.ask("GET", "/admin/v1/trace", query={"correlation_id": "nothing"})
    assert answer.status == 404
    assert "'nothing'" in answer.content["detail"]


@pytest.mark.parametrize(
    ("path", "query", "field", "expected"),
    [
        ("journal", {"party": "NLTNM"}, "party", "such as NL/TNM"),
        ("journal", {"since": "yesterday"}, "since", "2026-01-31T12:00:00Z"),
        ("journal", {"until": "999999d"}, "until", "so long ago"),
        ("journal", {"outcome": "bad"}, "outcome", "ok, failed"),
        ("journal", {"limit": "0"}, "limit", "greater than or equal to 1"),
        ("journal", {"limit": "ten"}, "limit", "valid integer"),
        ("journal", {"after": "-1"}, "after", "greater than or equal to 0"),
        ("journal", {"direction": "up"}, "direction", "'in' or 'out'"),
        ("journal", {"plattform": "tnm"}, "plattform", "not permitted"),
        ("trace", {}, "correlation_id", "required"),
    ],
)
async def test_a_wrong_parameter_is_named_with_what_was_expected(
    admin: AdminHub, path: str, query: dict[str, str], field: str, expected: str
) -> None:
    answer = await admin.ask("GET", f"/admin/v1/{path}", query=query)
    assert answer.status == 400
    [error] = answer.content["errors"]
    assert error["field"] == field
    assert expected in error["message"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("90s", NOW - timedelta(seconds=90)),
        ("15m", NOW - timedelta(minutes=15)),
        ("2h", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
    ],
)
def test_an_instant_is_written_as_a_time_or_as_so_long_ago(text: str, expected: datetime) -> None:
    assert instant(text, NOW) == expected
