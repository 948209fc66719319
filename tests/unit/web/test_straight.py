"""Which requests go to their handlers without a look through all routes."""

import pytest
from aiohttp import web

from hub.web.edge import Handler
from hub.web.straight import going_straight

LOCATIONS = "/ocpi/2.2.1/sender/locations"


async def locations(_request: web.Request) -> web.Response:
    """Stands for the handler."""
    return web.Response()


@web.middleware
async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Stands around it."""
    return await handler(request)


straight = going_straight({"sender/locations": locations}, around)


@pytest.mark.parametrize("rest", ["", "/", "/LOC1", "//LOC1/../x;y", "?limit=3&x=%41?", "/LOC1?"])
def test_a_plain_target_of_a_functional_module_goes_straight(rest: str) -> None:
    """With or without a tail or a query."""
    assert straight(LOCATIONS + rest) is not None


@pytest.mark.parametrize(
    "target",
    [
        f"{LOCATIONS}/a%0Ab",
        f"{LOCATIONS}/LOC1#there",
        f"{LOCATIONS}/L\u00e9",
        f"{LOCATIONS}x",
        f"http://hub.example{LOCATIONS}",
        f"/{LOCATIONS}",
        "/ocpi/2.2.1/sender/loc%61tions",
        "/ocpi/2.2.1/receiver/locations",
        "/ocpi/2.2.1/Sender/locations",
        "/ocpi/versions",
        "*",
    ],
)
def test_what_may_mean_something_else_is_for_the_routes(target: str) -> None:
    """Percent-encoding in the path, other spellings, other modules."""
    assert straight(target) is None
