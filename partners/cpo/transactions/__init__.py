"""What the CPO does when a transaction begins, goes on or ends."""
