"""What the hub still owes: a change log, cursors and pumps."""
