"""Ids for the messages of this node (TR-19)."""

import random


def new_id() -> str:
    """A message id of ours (TR-19): a random UUID, made in a fraction of the time that `uuid` takes."""
    digits = f"{random.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
