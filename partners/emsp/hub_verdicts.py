"""What the hub says of a CDR, beside what we say: ocpi-hub offers its verdicts to the two parties of each."""

from typing import Any

from hub.ocpi.party import Party
from partners.link import Link, path


async def hub_verdicts(link: Link, owner: Party, cdr_id: str) -> list[Any]:
    """The hub's verdicts on a CDR, the newest first.

    Raises:
        NotRegistered, NoHub: there is nobody to ask.
        CallFailed, PeerRefused: the hub has none, or is none that gives verdicts.
    """
    found = await link.ask_hub("/verdicts" + path(owner.country_code, owner.party_id, cdr_id))
    return found if isinstance(found, list) else []
