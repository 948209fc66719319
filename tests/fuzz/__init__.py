"""Throws mutated messages at every route of a running hub, and watches what becomes of them.

`python -m tests.fuzz --seconds 120 --seed 7`, or `make fuzz`; the seed repeats a run. What must hold:

- the hub's own code never answers 5xx, and every answer to a request that is HTTP is OCPI's, with both ids;
- what was accepted reaches who it is for, and what was refused reaches nobody;
- nobody sees what is for another party alone;
- the hub lives on, and its journal keeps up.
"""
