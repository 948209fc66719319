"""The run on PostgreSQL leaves out what has no hub with a database, and nothing else."""

import re
from pathlib import Path

from tests.conftest import WITHOUT_A_DATABASE, is_left_out

TESTS = Path(__file__).parent.parent
#: Fixtures with which a test gets a hub that keeps something.
KEEPING = re.compile(r"fixtures\.(admin_hub|crowd|databases|delivering|pulling|registry_hub|roaming)\b")
#: They run programs whose database is a matter of its own, or take no more than a constant.
ALL_THE_SAME = re.compile(
    r"tests/(postgresql/|architecture/|unit/test_|unit/partners/|spec/test_(cpo|emsp)_"
    r"|journeys/test_(backup|several_processes|a_worker_that_hangs|a_hub_beside|the_demo|the_compose))"
)


def test_nothing_that_keeps_something_is_left_out() -> None:
    left_out = [path for path in sorted(TESTS.rglob("test_*.py")) if is_left_out(path)]
    assert len(left_out) > len(WITHOUT_A_DATABASE)
    keeping = [str(path.relative_to(TESTS.parent)) for path in left_out if KEEPING.search(path.read_text())]
    assert [path for path in keeping if not ALL_THE_SAME.match(path)] == []
