"""Writes docs/conformance.md.

With `--check` it says whether the page is up to date; with `--gaps` it lists the rows that no test shows yet,
a line for each level and role.
"""

import sys

from tests.conformance.page import PAGE, TITLES, conformance, page
from tests.conformance.rows import LEVELS, ROLES


def main(arguments: list[str]) -> int:
    told = conformance()
    if wrong := told.contradictions():
        print("\n".join(wrong), file=sys.stderr)  # noqa: T201 a command
        return 1
    if arguments == ["--gaps"]:
        for level in LEVELS:
            gaps = told.gaps(level)
            for role in ROLES:
                rows = [row for row, who in gaps if who == role]
                print(f"{level} {TITLES[role]} ({len(rows)}): {' '.join(rows)}")  # noqa: T201 a command
        return 0
    text = page(told)
    if arguments == ["--check"]:
        if PAGE.exists() and PAGE.read_text() == text:
            return 0
        print(f"{PAGE.name} is out of date: make conformance", file=sys.stderr)  # noqa: T201 a command
        return 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
