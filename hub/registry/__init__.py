"""Who is connected, as operators, time and the partners themselves change it: each change a transaction."""
