"""A tester for a partner's platform: reads all that it offers, and says what is not as OCPI 2.2.1 has it."""
