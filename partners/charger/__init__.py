"""Simulated OCPP chargers."""
