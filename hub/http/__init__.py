"""The pooled HTTP client: one call to one platform, failures named by type."""
