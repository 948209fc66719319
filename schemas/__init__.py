"""The wire: pydantic models, a sub-package a version, and exact JSON."""
