"""Keeping chargers alive: what they tell is written down, judged by rules, repaired, and told to people.

what a charger says -> Witness -> ChargerLog (on disk) and Observations (in memory)
every few seconds   -> Rounds  -> rules -> AlertBook -> ladder -> Repairs -> charger
                                                     -> Notices (on disk) -> webhook
"""
