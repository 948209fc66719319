"""Pulling: the lists of platforms that do not push, and of all when they connect (2.2.1, Pull and Push)."""
