"""What a hub costs, and how fast it is: `make bench`, or `python -m tests.bench [NAMES] [--quick]`."""
