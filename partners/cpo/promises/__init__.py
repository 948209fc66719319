"""What was promised to drivers who have not begun, and how it is kept."""
