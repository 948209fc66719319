"""Reference nodes: an honest CPO, an honest eMSP and simulated chargers."""
