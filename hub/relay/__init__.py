"""What becomes of a message, now."""
