"""Who is connected: platforms, their parties, tokens, endpoints and presence."""
