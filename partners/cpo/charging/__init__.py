"""What charge points told of charging, kept as they told it, and what it amounts to."""
