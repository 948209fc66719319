"""What all tests share: which database their hubs keep things in."""

import gc
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.fixtures import compiled_statements, databases, postgresql, roaming

#: What has no hub with a database, or one of its own: left out where that is what a run is about.
WITHOUT_A_DATABASE = (
    "tests/architecture/*",
    "tests/journeys/test_a_hub_beside_another.py",
    "tests/journeys/test_a_worker_that_hangs.py",
    "tests/journeys/test_backup_and_restore.py",
    "tests/journeys/test_chargers_of_each_version.py",
    "tests/journeys/test_several_processes.py",
    "tests/journeys/test_the_compose_world.py",
    "tests/journeys/test_the_demo.py",
    "tests/postgresql/*",
    "tests/spec/test_*_2_2_1.py",
    "tests/spec/test_charger_*.py",
    "tests/spec/test_cpo_*.py",
    "tests/spec/test_emsp_*.py",
    "tests/spec/test_fuzz.py",
    "tests/spec/test_ocpp_vectors.py",
    "tests/unit/calling/*",
    "tests/unit/delivery/test_audience.py",
    "tests/unit/delivery/test_collapse.py",
    "tests/unit/delivery/test_turns.py",
    "tests/unit/delivery/test_verdict.py",
    "tests/unit/directory/test_agreements.py",
    "tests/unit/handshake/*",
    "tests/unit/http/*",
    "tests/unit/ocpi/*",
    "tests/unit/partners/*",
    "tests/unit/pricing/*",
    "tests/unit/pulling/*",
    "tests/unit/relay/test_token_owners.py",
    "tests/unit/routing/*",
    "tests/unit/store/test_group_commit.py",
    "tests/unit/store/test_one_trip.py",
    "tests/unit/store/test_sharing_out.py",
    "tests/unit/store/test_unsupported_databases.py",
    "tests/unit/store/test_write_behind.py",
    "tests/unit/test_*.py",
    "tests/unit/web/test_fast_entrance.py",
    "tests/unit/web/test_heartbeat.py",
    "tests/unit/web/test_looking.py",
    "tests/unit/web/test_outline.py",
)
_HERE = Path(__file__).parent


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
    compiled_statements.share()
    # How long an example takes says more about the machine than about what is tried.
    settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("tests")
    if not _is_worker(config):
        postgresql.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _is_worker(config):
        postgresql.end()


def pytest_collection_finish() -> None:
    """Look for garbage among what tests make, and not again and again in all code and all collected tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    if not databases.is_postgresql() or not collection_path.is_file():
        return None
    return is_left_out(collection_path) or None


def is_left_out(path: Path) -> bool:
    """Whether a file of tests has nothing to do with the database that is chosen."""
    return any(fnmatch(str(path.relative_to(_HERE.parent)), each) for each in WITHOUT_A_DATABASE)


@pytest.fixture(autouse=True)
def _database_is_lent() -> Iterator[None]:
    """A test's databases are its own."""
    with databases.lent():
        yield
