"""The modules of OCPI, each described once."""
