"""The modules of OCPI, each described once; routes, checks, broadcast and version details read this.

Versions has no description: its two URLs stand above the modules.
"""

from collections.abc import Mapping
from types import MappingProxyType

from hub.ocpi.description import Module
from hub.ocpi.modules import (
    cdrs,
    chargingprofiles,
    commands,
    credentials,
    hubclientinfo,
    locations,
    sessions,
    tariffs,
    tokens,
)

VERSION = "2.2.1"

MODULES: Mapping[str, Module] = MappingProxyType(
    {
        described.MODULE.id: described.MODULE
        for described in (
            credentials,
            hubclientinfo,
            locations,
            sessions,
            cdrs,
            tariffs,
            tokens,
            commands,
            chargingprofiles,
        )
    }
)
