"""A reference CPO: drives chargers over OCPP and speaks OCPI to a hub."""
