"""Who may connect as which charger, and how it proves it: OCPP's security profiles 0 to 3."""
