"""What is kept: tables, objects as they came, and the journal."""
