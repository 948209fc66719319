"""What a run of the tester found: checks, each of some rows of the checklist, with their problems."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hub.conformance.findings import Finding, Weight

#: Of problems that repeat, so many are told one by one.
NAMED_PROBLEMS = 20


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    #: Not forbidden, but it will cause trouble.
    WARNED = "warned"
    FAILED = "failed"
    #: It could not be looked at; the reason says why.
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    weight: Weight
    #: What was expected, and what was there instead.
    message: str
    #: The request that showed it, and, for what is in a body, the JSON pointer.
    where: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


@dataclass(slots=True)
class Check:
    """One rule that was looked at."""

    #: The ids of the checklist's rows: `TR-17`.
    rows: tuple[str, ...]
    #: What was looked at: `versions`, `locations SENDER`.
    subject: str
    #: The rule, as a sentence.
    title: str
    problems: list[Problem] = field(default_factory=list)
    #: Problems beyond those that are named.
    more: int = 0
    #: Why it was not looked at; empty if it was.
    skipped: str = ""

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        if self.skipped:
            return Outcome.SKIPPED
        weights = {problem.weight for problem in self.problems}
        if Weight.ERROR in weights:
            return Outcome.FAILED
        return Outcome.WARNED if Weight.WARNING in weights else Outcome.PASSED

    def fails(self, message: str, where: str = "") -> None:
        """Something is against the specification."""
        self.add(Problem(Weight.ERROR, message, where))

    def warns(self, message: str, where: str = "") -> None:
        """Something will cause trouble."""
        self.add(Problem(Weight.WARNING, message, where))

    def expects(self, *, holds: bool, message: str, where: str = "") -> None:
        """Fail unless it holds."""
        if not holds:
            self.fails(message, where)

    def adopts(self, found: Iterable[Finding]) -> None:
        """Take over what the registry's own look at a platform finds."""
        for each in found:
            self.add(Problem(each.weight, each.message, each.subject))

    def add(self, problem: Problem) -> None:
        """Keep a problem, or count it where there are many."""
        if problem in self.problems:
            return
        if len(self.problems) < NAMED_PROBLEMS:
            self.problems.append(problem)
        else:
            self.more += 1


class Report:
    """The checks of one run, in the order in which they were begun."""

    def __init__(self, platform: str) -> None:
        #: The versions URL of the platform.
        self.platform = platform
        self._checks: dict[tuple[str, str], Check] = {}

    def check(self, rows: str, subject: str, title: str) -> Check:
        """The check of this rule on this subject; the same again where it was begun before.

        Args:
            rows: The rows of the checklist, separated by spaces.
            subject: What is looked at.
            title: The rule, as a sentence.
        """
        return self._checks.setdefault((subject, title), Check(tuple(rows.split()), subject, title))

    def skip(self, rows: str, subject: str, title: str, reason: str) -> None:
        """Say that a rule was not looked at, and why."""
        self.check(rows, subject, title).skipped = reason

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks."""
        return tuple(self._checks.values())

    def count(self, outcome: Outcome) -> int:
        """How many checks ended so."""
        return sum(check.outcome is outcome for check in self.checks)

    @property
    def has_failed(self) -> bool:
        """Whether something is against the specification."""
        return self.count(Outcome.FAILED) > 0


def json_word(value: Any) -> str:
    """What a decoded JSON value is, in a word for people."""
    words = {bool: "a boolean", str: "a string", list: "a list", dict: "an object"}
    return "nothing" if value is None else words.get(type(value), "a number")
