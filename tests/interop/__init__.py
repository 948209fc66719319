"""Chargers and checkers that others wrote, at our central system: `python -m tests.interop`."""
