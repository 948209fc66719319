"""Which URLs a platform's token may go to, and how a URL is replaced (design D9; CMD-10, CHP-10, PG-17)."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.calling.hosts import belongs_to
from hub.directory.directory import Platform
from hub.ocpi.errors import InvalidParameters
from hub.ocpi.headers import Routing
from hub.ocpi.party import Party
from hub.relay.links import (
    Link,
    LinkKind,
    Links,
    replaced_in_body,
    replaced_in_query,
    response_url_in_body,
    response_url_in_query,
    token_of,
)
from hub.store.database import opened
from hub.web.background import beside
from schemas import exact_json
from schemas.v2_2_1 import ConnectionStatus, InterfaceRole
from tests.fixtures.databases import database_in

PLATFORM = Platform(
    1,
    "emsp",
    ConnectionStatus.CONNECTED,
    versions_url="https://good.example/versions",
    endpoints={("commands", InterfaceRole.SENDER): "http://good.example:8080/commands"},
)
OWN = "https://hub.example/via/x"
EVIL = "http://evil.example/"


@pytest.mark.parametrize(
    "url",
    [
        "https://good.example/callbacks/1?a=b#c",
        "HTTPS://Good.Example/callbacks",
        "https://good.example:443/x",
        "https://good.example",
        "http://good.example:8080/x",
    ],
)
def test_a_url_at_a_registered_host_belongs_to_the_platform(url: str) -> None:
    assert belongs_to(PLATFORM, url)


@pytest.mark.parametrize(
    "url",
    [
        "http://good.example/x",
        "https://good.example:8443/x",
        "https://good.example:0/x",
        "https://good.example@evil.example/x",
        "https://a:b@good.example/x",
        "https://@good.example/x",
        "https://good.example.evil.example/x",
        "https://good.example./x",
        "https://good.example\\@evil.example/x",
        "https://evil.example\\good.example/x",
        "https://evil.example\\.good.example/x",
        "ht\ttps://good.example/x",
        "https://good.example/a b",
        "https://good.example/a\r\nX: y",
        "https://good.example/\x00",
        "https://good.example/é",
        "https://\uff47ood.example/",
        "https://good.example:x/",
        "https:///x",
        "https:good.example/x",
        "//good.example/x",
        "ftp://good.example/x",
        "javascript://good.example/x",
        "http://[::1",
        "",
    ],
)
def test_any_other_url_does_not(url: str) -> None:
    assert not belongs_to(PLATFORM, url)


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_stands_around_a_foreign_host_does_not_make_it_our_own(before: str, after: str) -> None:
    assert not belongs_to(PLATFORM, f"https://{before}.evil.example{after}".replace("good", ""))


@pytest.mark.parametrize(
    "body",
    [
        b'{"response_url":"%s"}',
        b'{\n "response_url" :\t"%s",  "price":2.50, "big":1E3 }',
        b'{"x":"\\u00e9","price":2.50,"big":1E3,"response_url":"%s"}',
        b'{"response\\u005furl":"%s"}',
        b'{"\\u0072esponse_url":"%s", "x":{"response_url":"http://evil.example/"}}',
        b'{"x":{"response_url":"http://evil.example/"},"response_url":"%s"}',
        b'{"response_url":"http://evil.example/","response_url":"%s"}',
        b'{"response_url":7,"response_url":"%s"}',
        b'{"response\\u005furl":"http://evil.example/","response_url":"%s"}',
        b'{"response_url":"http://evil.example/","response\\u005furl":"%s"}',
        b'{"note":"\\"response_url\\":\\"x\\"","response_url":"%s"}',
        b'{"note":"response_url","response_url":"%s"}',
    ],
)
def test_every_reader_of_the_body_finds_the_new_url_and_nobody_the_old_one(body: bytes) -> None:
    theirs = "https://good.example/callbacks"
    body = body.replace(b"%s", theirs.encode())
    value = exact_json.decode(body)
    assert response_url_in_body(value) == theirs
    replaced = replaced_in_body(body, OWN)
    assert exact_json.decode(replaced) == value | {"response_url": OWN}
    assert theirs.encode() not in replaced
    # One at the top, whatever the spelling: readers that take the first see what others see.
    pairs = json.loads(replaced, object_pairs_hook=list)  # noqa: TID251 msgspec does not tell of doubles
    assert [name for name, _ in pairs].count("response_url") == 1


def test_the_rest_of_a_body_stays_as_it_was_written() -> None:
    """RT-25."""
    body = b'{ "a" : 2.50,\n"response_url" : "https:\\/\\/good.example" , "b":[1E3, {}] }'
    assert replaced_in_body(body, "u") == body.replace(b'"https:\\/\\/good.example"', b'"u"')
    escaped = b'{"a":2.50,"response_url":"x","b":[1E3, "\\u00e9"]}'
    assert replaced_in_body(escaped, "u") == escaped.replace(b'"x"', b'"u"')


@pytest.mark.parametrize(
    "body", [b"{}", b'{"response_url":""}', b'{"response_url":7}', b'{"Response_URL":"https://good.example"}']
)
def test_a_body_without_a_response_url_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidParameters):
        response_url_in_body(exact_json.decode(body))


@pytest.mark.parametrize("name", ["Response_URL", "RESPONSE_URL", "response_Url"])
def test_a_second_response_url_that_differs_in_case_is_refused(name: str) -> None:
    """Many a reader of JSON does not look at case."""
    with pytest.raises(InvalidParameters):
        response_url_in_body({"response_url": "https://good.example", name: EVIL})


@pytest.mark.parametrize(
    "query",
    [
        "response_url=https://good.example/&response_url=http://evil.example/",
        "response%5Furl=http://evil.example/&response_url=https://good.example/",
        "response_url=https://good.example/&Response_Url=http://evil.example/",
        "a=1;response_url=http://evil.example/&response_url=https://good.example/",
        "a=1%3Bresponse_url=http://evil.example/&response_url=https://good.example/",
        "response_url=",
        "duration=900",
        "",
    ],
)
def test_a_query_in_which_somebody_may_find_another_response_url_is_refused(query: str) -> None:
    """CHP-01, CHP-10."""
    with pytest.raises(InvalidParameters):
        response_url_in_query(query)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=5)), max_size=4), st.integers(0, 4))
def test_the_other_parameters_stay_where_and_as_they_are(others: list[tuple[str, str]], place: int) -> None:
    """CHP-02."""
    parts = [f"{name}={quote(value)}" for name, value in others]
    query = "&".join([*parts[:place], "response%5Furl=https%3A%2F%2Fgood.example%2F%3Fa%3Db", *parts[place:]])
    assert response_url_in_query(query) == "https://good.example/?a=b"
    replaced = replaced_in_query(query, OWN)
    assert parse_qsl(replaced)[-1] == ("response_url", OWN)
    assert replaced.split("&")[:-1] == parts


async def test_links_that_are_made_at_the_same_time_are_all_kept_each_for_itself(tmp_path: Path) -> None:
    """They share transactions."""
    now = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    routing = Routing(Party("NL", "TNM"), Party("BE", "BEC"))
    made = [
        Link(
            LinkKind.RESPONSE_URL, 1, 2, "commands", InterfaceRole.SENDER, routing, f"https://x/{number}",
            now + timedelta(hours=1),
        )
        for number in range(20)
    ]  # fmt: skip
    async with opened(database_in(tmp_path)) as database:
        links = Links(database, "https://hub.example", lambda: now)
        async with beside(links.run()):
            urls = await asyncio.gather(*(links.create(each) for each in made))
        found = [await links.find(token_of(url), PLATFORM) for url in urls]
    assert found == [replace(link, token=token_of(url)) for link, url in zip(made, urls, strict=True)]


@pytest.mark.holds("CMD-09", "PG-15", by="hub")
async def test_a_link_serves_its_platform_until_it_expires(tmp_path: Path) -> None:
    """CMD-09, PG-15."""
    now = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    async with opened(database_in(tmp_path)) as database:
        links = Links(database, "https://hub.example", lambda: now)
        expires_at = now + timedelta(hours=1)
        routing = Routing(Party("NL", "TNM"), Party("BE", "BEC"))
        sender = InterfaceRole.SENDER
        link = Link(LinkKind.RESPONSE_URL, 1, 2, "commands", sender, routing, "https://x/", expires_at)
        async with beside(links.run()):
            token = (await links.create(link)).rpartition("/")[2]
        assert await links.find(token, PLATFORM) == replace(link, token=token)
        now = expires_at - timedelta(seconds=1)
        await links.forget_expired()
        assert await links.find(token, PLATFORM) == replace(link, token=token)
        now = expires_at
        assert await links.find(token, PLATFORM) is None
        await links.forget_expired()
        now = expires_at - timedelta(seconds=1)
        assert await links.find(token, PLATFORM) is None
