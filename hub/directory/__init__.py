"""Who is who, as a value that everybody reads: platforms, parties, tokens, agreements, quirks."""
