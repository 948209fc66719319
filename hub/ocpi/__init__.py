"""The protocol kernel: pure values and rules, without sockets, tables or a server."""
