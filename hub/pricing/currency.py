"""In which steps a currency can be paid (ISO 4217, minor units)."""

from typing import Final

#: Most currencies have hundredths; these have not.
_OTHER_DECIMALS: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DECIMALS: Final = {code: decimals for decimals, codes in _OTHER_DECIMALS.items() for code in codes.split()}
_HUNDREDTHS: Final = 2


def decimals_of(currency: str) -> int:
    """How many decimals an amount has that is to be paid: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _DECIMALS.get(currency.upper(), _HUNDREDTHS)
