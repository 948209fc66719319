"""The administration API: what an operator may ask and change."""
