"""TLS on the partners' port, for a hub without a proxy in front of it."""

import ssl

from hub.settings import Tls


class UnusableTls(ValueError):
    """Certificate, key or client CA cannot be used; the message says which."""


def server_context(tls: Tls) -> ssl.SSLContext:
    """How the hub proves who it is and, with a client CA, asks callers to do so.

    TLS 1.2 is the least. Whose certificate a caller shows says nothing of whose platform it is: that is told
    by its token, as without TLS (TR-02).

    Raises:
        UnusableTls: a file is missing, or is not what it should be.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise UnusableTls(f"the TLS certificate {tls.certificate} or its key: {error}") from error
    if tls.client_ca is not None:
        try:
            context.load_verify_locations(tls.client_ca)
        except (OSError, ssl.SSLError) as error:
            raise UnusableTls(f"the TLS client CA {tls.client_ca}: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context
