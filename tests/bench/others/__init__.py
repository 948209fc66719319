"""Programs that the hub is compared with."""
