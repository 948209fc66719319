"""Charging profiles and preferences that eMSPs set."""
