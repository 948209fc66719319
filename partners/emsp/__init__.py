"""A reference eMSP: serves drivers and speaks OCPI to a hub."""
