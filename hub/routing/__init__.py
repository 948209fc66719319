"""Where a message goes: decides, and writes nothing."""
