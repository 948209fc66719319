"""Measurements, to be run by hand: never part of the test suite."""
