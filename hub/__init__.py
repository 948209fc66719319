"""A roaming hub for electric-vehicle charging, speaking OCPI."""
