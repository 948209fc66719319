"""Links to charge points: what they say in each version of OCPP, and what they are asked."""
