"""The client, as the tests of it want it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from hub.http.client import HttpTransport, http_transport
from tests.fixtures.http_answers import LARGEST_BODY, LARGEST_HEAD


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    async with http_transport(
        connect=timedelta(seconds=5),
        largest_reply=LARGEST_BODY,
        largest_head=LARGEST_HEAD,
        allow_private_networks=True,
    ) as made:
        yield made
