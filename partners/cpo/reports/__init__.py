"""How chargers have done: uptime by the formulas of the law, sessions, energy, revenue, utilisation.

ChargerLog -> timeline -> uptime   \
    Exclusions ------------------------ > report -> table, CSV, a page
Sessions, CDRs -> usage            /
"""
