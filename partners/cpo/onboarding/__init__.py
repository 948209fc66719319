"""What a charger is told before it may charge: it is read, set, and read again."""
