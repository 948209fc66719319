"""What all tests share: which database their hubs keep things in."""

from collections.abc import Iterator

import pytest

from tests.fixtures import databases, roaming


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-fast-path",
        action="store_true",
        help="let the hubs of the tests relay on the ordinary path alone",
    )
    parser.addoption(
        "--database",
        choices=[str(each) for each in databases.Kind],
        default=str(databases.Kind.SQLITE),
        help="what the hubs of the tests keep things in",
    )


def pytest_configure(config: pytest.Config) -> None:
    roaming.FAST_PATH = not config.getoption("--no-fast-path")
    databases.choose(config.getoption("--database"))


@pytest.fixture(autouse=True)
def _database_is_lent() -> Iterator[None]:
    """A test's databases are its own."""
    with databases.lent():
        yield
