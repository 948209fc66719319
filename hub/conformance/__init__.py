"""What is wrong with a partner's platform: a look at one that is registered, and a tester for any."""
