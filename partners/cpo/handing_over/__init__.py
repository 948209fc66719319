"""How everything that the CPO owes to others gets there."""
