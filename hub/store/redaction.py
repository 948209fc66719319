"""What is taken out of a text before it is written down: whatever would let its reader in (design D10)."""

import re

#: Stands for what was taken out.
ELLIPSIS = "…"
#: Characters of a link's secret that are still shown, so that two links can be told apart.
SHOWN = 6

# A slash as it may stand in a URL, inside a query, or in JSON.
_SLASH = r"(?:/|\\/|\\u002f|%(?:25)*2f)"
_LINK = re.compile(
    rf"(ocpi{_SLASH}[0-9.]+{_SLASH}via{_SLASH}[a-z0-9_-]{{{SHOWN}}})[a-z0-9_-]+", re.ASCII | re.IGNORECASE
)
_USER = re.compile(r"(://)[^/?#@\s\"]+@")
_QUERY = re.compile(
    r"((?:[?&]|\\u0026)(?:token|access_token|key|api_?key|secret|signature|sig|password|auth|code)=)[^&#\s\"]+",
    re.IGNORECASE,
)
# Only Credentials have a token that is text, in commands it is an object. What follows may have been cut off.
_TOKEN = re.compile(r'("token"\s*:\s*")(?:[^"\\]|\\.|\\$)+')


def shown_url(text: str) -> str:
    """The URL, or a text that quotes one, without passwords, keys and the secrets of links (design D9)."""
    text = _links_shortened(text)
    if "@" in text:
        text = _USER.sub(rf"\1{ELLIPSIS}@", text)
    if "=" in text:
        text = _QUERY.sub(rf"\1{ELLIPSIS}", text)
    return text


def shown_body(text: str) -> str:
    """The body without credentials tokens, and without what `shown_url` takes out."""
    text = shown_url(text)
    return _TOKEN.sub(rf"\1{ELLIPSIS}", text) if '"token"' in text else text


def _links_shortened(text: str) -> str:
    """Cuts the hub's own links to `/ocpi/2.2.1/via/Ab3dEf…`."""
    return _LINK.sub(rf"\1{ELLIPSIS}", text) if "via" in text else text
