"""The rows of OCPI's conformance checklist, and which tests show that they hold.

`rows.py` reads the rows from `rows.toml`, `marks.py` finds the tests that name them, and `page.py` writes
`docs/conformance.md` from both: `python -m tests.conformance`, or `make conformance`.
"""
