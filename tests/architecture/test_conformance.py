"""The checklist, the marks of the tests and the page that is made of them agree."""

from pathlib import Path

import pytest

from tests.conformance.marks import BadMark, Mark, marks, marks_in
from tests.conformance.page import Conformance, State, conformance, page
from tests.conformance.rows import Checklist, Row, read


@pytest.fixture(scope="module")
def ours() -> Conformance:
    """The project's own, read once."""
    return conformance()


def test_no_mark_contradicts_the_rows(ours: Conformance) -> None:
    """A mark names a row that exists and is not said to fail, on a test that always runs."""
    assert ours.contradictions() == []


def test_no_must_is_without_a_test(ours: Conformance) -> None:
    """For none of the roles that it concerns; a reason why it does not apply, or why we deviate, will do."""
    assert ours.gaps("M") == []


def test_there_is_a_state_for_every_row_and_role(ours: Conformance) -> None:
    written = page(ours)
    assert len(ours.checklist.rows) == 391
    for row in ours.checklist.rows:
        assert f"| {row.id} | {row.level} |" in written


def test_marks_are_found_wherever_pytest_finds_them() -> None:
    text = """
import pytest
pytestmark = [pytest.mark.holds("TR-01", by="hub")]

@pytest.mark.holds("RT-13", "RT-14", by=("cpo", "emsp"))
@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.holds("ST-01", by="hub"))])
async def test_a(x): ...

class TestThings:
    pytestmark = pytest.mark.holds("VE-01", by="cpo")
    def test_b(self): ...
"""
    found = {(each.test, each.row, each.role) for each in marks_in(text, "test_x.py")}
    assert found == {
        ("test_a", "TR-01", "hub"),
        ("test_a", "RT-13", "cpo"),
        ("test_a", "RT-13", "emsp"),
        ("test_a", "RT-14", "cpo"),
        ("test_a", "RT-14", "emsp"),
        ("test_a", "ST-01", "hub"),
        ("test_b", "TR-01", "hub"),
        ("test_b", "VE-01", "cpo"),
    }


@pytest.mark.parametrize(
    "text",
    [
        '@pytest.mark.holds("TR-01")\ndef test_a(): ...',
        '@pytest.mark.holds(by="hub")\ndef test_a(): ...',
        '@pytest.mark.holds("TR-01", by="oem")\ndef test_a(): ...',
        '@pytest.mark.holds(*ROWS, by="hub")\ndef test_a(): ...',
        '@pytest.mark.holds("TR-01", by="hub")\ndef world(): ...',
        'CASES = [pytest.param(1, marks=pytest.mark.holds("TR-01", by="hub"))]\n',
    ],
)
def test_a_mark_that_nothing_would_come_of_is_an_error(text: str) -> None:
    with pytest.raises(BadMark):
        list(marks_in(text, "test_x.py"))


def test_marks_are_read_from_files_below_a_folder(tmp_path: Path) -> None:
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "test_x.py").write_text('@pytest.mark.holds("TR-01", by="hub")\ndef test_a(): ...\n')
    assert marks(tmp_path, tmp_path) == [Mark("TR-01", "hub", "spec/test_x.py", "test_a")]


def told(*found: Mark) -> Conformance:
    rows = (
        Row("TR-01", "M", ("hub", "cpo"), "a rule", "T&F"),
        Row("TR-02", "M", ("hub",), "a | b", "T&F", deviates={"hub": "for a reason"}),
        Row("TR-03", "M", ("hub", "emsp"), "c", "T&F", not_applicable={"emsp": "it has none"}),
    )
    return Conformance(Checklist({"TR": "Transport"}, rows), found)


def test_the_state_of_a_row_is_what_tests_and_reasons_say() -> None:
    made = told(Mark("TR-01", "hub", "tests/test_x.py", "test_a_rule_holds"))
    first, second, third = made.checklist.rows
    assert made.state(first, "hub") is State.HOLDS
    assert made.state(first, "cpo") is State.NO_TEST
    assert made.state(first, "emsp") is State.NOT_CONCERNED
    assert made.state(second, "hub") is State.DEVIATES
    assert made.state(third, "emsp") is State.NOT_APPLICABLE
    assert made.gaps() == [("TR-01", "cpo"), ("TR-03", "hub")]
    written = page(made)
    assert "| TR-01 | M | a rule | T&F | holds (1) | **no test yet** | - |" in written
    assert "| TR-02 | M | a \\| b | T&F | deviates: for a reason |" in written
    assert "Hub: a rule holds ([test_x.py](../tests/test_x.py))" in written
    assert "- CPO (1): TR-01" in written


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        (Mark("TR-99", "hub", "x", "test_a"), "does not exist"),
        (Mark("TR-02", "hub", "x", "test_a"), "does not hold"),
        (Mark("TR-03", "emsp", "x", "test_a"), "does not hold"),
        (Mark("TR-01", "hub", "x", "test_a", doubtful=True), "may be skipped"),
    ],
)
def test_a_mark_that_cannot_be_true_is_named(mark: Mark, said: str) -> None:
    (found,) = told(mark).contradictions()
    assert said in found


def test_a_test_that_may_be_skipped_proves_nothing() -> None:
    text = '@pytest.mark.xfail\n@pytest.mark.holds("TR-01", by="hub")\ndef test_a(): ...\n'
    assert [each.doubtful for each in marks_in(text, "test_x.py")] == [True]


CHAPTER = '[[chapter]]\nprefix = "TR"\ntitle = "Transport"\n'
ROW = '[[row]]\nid = "TR-01"\nlevel = "M"\nwho = ["hub"]\ntext = "a"\nsource = "b"\n'


@pytest.mark.parametrize(
    "text",
    [
        CHAPTER + ROW + ROW,
        ROW.replace("TR-", "XX-") + CHAPTER,
        CHAPTER + ROW.replace('"M"', '"X"'),
        CHAPTER + ROW.replace('"hub"', '"oem"'),
        CHAPTER + ROW.replace('["hub"]', "[]"),
        CHAPTER + ROW + 'not_applicable.hub = "a"\ndeviates.hub = "b"\n',
    ],
)
def test_rows_that_are_told_wrongly_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(text)
