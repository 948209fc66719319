"""The program `ocpi-hub`: runs a hub, or administers one as a client of its administration API (D12)."""

from hub.cli.program import app, main

__all__ = ["app", "main"]
