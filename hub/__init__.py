"""A roaming hub for electric-vehicle charging, speaking OCPI."""

__version__ = "0.1.0"
