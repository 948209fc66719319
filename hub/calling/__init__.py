"""How platforms are called, and may call: tokens shown, redirects followed, quirks noticed, limits kept."""
