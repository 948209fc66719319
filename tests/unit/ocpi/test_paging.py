"""Pages (PG rows)."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ocpi.errors import InvalidParameters
from hub.ocpi.paging import PageRequest, lowered, page_headers, read_next_link, read_total, write_next_link

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.holds("PG-04", by=("hub", "cpo", "emsp"))
def test_without_parameters_the_first_page_is_asked_for() -> None:
    assert PageRequest.parse("", 50) == PageRequest(offset=0, limit=50)


@pytest.mark.holds("PG-05", by=("hub", "cpo", "emsp"))
def test_a_limit_above_the_servers_is_brought_down() -> None:
    assert PageRequest.parse("limit=2000", 50).limit == 50


@pytest.mark.holds("PG-20", by=("hub", "cpo", "emsp"))
@pytest.mark.parametrize("text", ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00", "2026-01-31T12:00:00.000Z"])
def test_a_date_is_utc_with_and_without_the_z(text: str) -> None:
    assert PageRequest.parse(f"date_from={text}", 50).date_from == MOMENT


@pytest.mark.holds("PG-19", by=("hub", "cpo", "emsp"))
@pytest.mark.parametrize(
    "query",
    ["limit=x", "limit=0", "limit=-1", "offset=-1", "offset=", "limit=1.5", "date_from=yesterday",
     "date_to=2026-02-30T00:00:00Z", "date_from=2026-01-01", "limit=٣"],
)  # fmt: skip
def test_a_bad_parameter_is_refused_by_name(query: str) -> None:
    with pytest.raises(InvalidParameters, match=query.partition("=")[0]):
        PageRequest.parse(query, 50)


@given(st.text(max_size=60))
def test_any_query_is_a_page_or_refused(query: str) -> None:
    try:
        request = PageRequest.parse(query, 50)
    except InvalidParameters:
        return
    assert request.offset >= 0
    assert 1 <= request.limit <= 50


def test_the_next_page_keeps_the_filters() -> None:
    request = PageRequest.parse(
        urlencode({"offset": "10", "limit": "5", "date_from": "2026-01-31T12:00:00Z"}), 50
    )
    (_, _, (_, link)) = page_headers("https://hub/x", request, total=100, max_limit=50)
    following = read_next_link(link)
    assert following is not None
    assert dict(parse_qsl(following.partition("?")[2])) == {
        "date_from": "2026-01-31T12:00:00Z", "offset": "15", "limit": "5",
    }  # fmt: skip


@given(st.integers(0, 60), st.integers(1, 20))
def test_a_walk_over_the_pages_meets_each_object_once(total: int, limit: int) -> None:
    seen: list[int] = []
    query: str | None = f"limit={limit}"
    while query is not None:
        request = PageRequest.parse(query, 50)
        seen += range(total)[request.offset : request.offset + request.limit]
        headers = dict(page_headers("https://hub/x", request, total, 50))
        assert (headers["X-Total-Count"], headers["X-Limit"]) == (str(total), "50")
        link = read_next_link(headers.get("Link"))
        query = None if link is None else link.partition("?")[2]
    assert seen == list(range(total))


@pytest.mark.parametrize(
    ("header", "url"),
    [
        ('<https://cpo/x?offset=5>; rel="next"', "https://cpo/x?offset=5"),
        ("<https://cpo/x>; rel=next", "https://cpo/x"),
        ('<https://cpo/a>; rel="prev", <https://cpo/b>; rel="next"', "https://cpo/b"),
        ('<https://cpo/a>; title="x"; rel="next last"', "https://cpo/a"),
        ('<https://cpo/a>; rel="prev"', None),
        ("", None),
        ("<>; rel=next", None),
        ("nonsense", None),
        (None, None),
    ],
)
def test_the_next_link_is_found_in_any_form(header: str | None, url: str | None) -> None:
    assert read_next_link(header) == url


@given(st.text(max_size=300))
def test_no_link_header_breaks_the_reader(header: str) -> None:
    read_next_link(header)


def test_a_link_that_is_written_is_read() -> None:
    assert read_next_link(write_next_link("https://hub/x?a=b&c=d")[1]) == "https://hub/x?a=b&c=d"


@pytest.mark.parametrize(
    ("url", "by", "expected"),
    [
        ("http://x/l?offset=100&limit=50", 1, "http://x/l?offset=99&limit=50"),
        (
            "http://x/l?date_from=2026-01-01T00%3A00Z&offset=3",
            5,
            "http://x/l?date_from=2026-01-01T00%3A00Z&offset=0",
        ),
        ("http://x/l?offset=0", 1, None),
        ("http://x/l?offset=7", 0, None),
        ("http://x/l?offset=7", -1, None),
        ("http://x/l?cursor=7", 1, None),
        ("http://x/l?offset=seven", 1, None),
    ],
)
def test_an_offset_is_lowered_and_nothing_else_changes(url: str, by: int, expected: str | None) -> None:
    """PG-12."""
    assert lowered(url, by) == expected


@pytest.mark.parametrize(
    ("header", "total"), [("12", 12), (" 0 ", 0), (None, None), ("", None), ("-1", None), ("many", None)]
)
def test_a_total_is_a_number_or_nothing(header: str | None, total: int | None) -> None:
    assert read_total(header) == total
