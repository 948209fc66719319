"""The same bytes to two hubs, one with the fast path and one without: nobody shall see a difference.

`python -m tests.differential --requests 100000 --seed 7`, or `make differential`; the seed repeats a run. A
conversation is a few requests on one connection, cut into pieces. Compared are, with ids, times, tokens and
addresses made alike:

- what the caller got, byte by byte;
- what arrived at the far end, byte by byte;
- what stands in the journal.
"""
