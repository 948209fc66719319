"""What is owed for charging: Sessions, costs and CDRs."""
