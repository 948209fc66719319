"""The garbage collector, tuned for a node that holds many links for long.

Nearly all that a message makes is freed by counting references. What is left to the collector are circles, of
which a link leaves some when it ends. A look at everything takes a tenth of a second or more with ten
thousand links, and for that time nobody is answered; so it is done seldom: once for some 30,000 links that
came. What is there from the start is never looked at again.
"""

import gc
from typing import Final

#: Young objects are looked at when there are 10,000 more (500 stations that talk at once make fewer), those
#: that stayed at 30,000: quickly done. All are looked at a hundred times as seldom.
_THRESHOLDS: Final = (10_000, 2, 100)


def settle() -> None:
    """Call once, when everything that stays for ever is there."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
