"""What a session costs: pure and exact."""
