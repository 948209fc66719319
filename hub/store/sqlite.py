"""A SQLite connection that lets go of everything when it is closed."""

import sqlite3

#: How long a statement waits for another process that writes.
BUSY_SECONDS = 30.0


class LettingGo(sqlite3.Connection):
    """A connection whose open transaction ends with it.

    A caller that is cancelled between two statements leaves its connection to be closed with a cursor in
    hand. SQLite then keeps the connection alive unseen until that cursor is collected, and with it the
    transaction and the lock that keeps everybody else from writing.
    """

    def close(self) -> None:
        """Roll back what is open, then close."""
        if self.in_transaction:
            self.rollback()
        super().close()
