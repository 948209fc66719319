"""How platforms and the hub come to know each other: versions, credentials, new tokens."""
