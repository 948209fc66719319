"""Programs that take the same requests as the hub, to be compared; and nginx where TLS begins or ends."""

import base64
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas import exact_json
from tests.bench.certificates import Certificate
from tests.bench.machine import cores
from tests.bench.obtaining import HOME, nginx, ocpi_library
from tests.bench.processes import Running, running
from tests.fixtures.ports import free_port

OTHERS = Path(__file__).parent / "others"
NGINX_HEAD = """
worker_processes 1; daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.error;
events {{ worker_connections 1024; }}
http {{
    map_hash_bucket_size 256; access_log off; keepalive_requests 100000000;
    client_max_body_size 8m; client_body_buffer_size 128k;
    proxy_buffers 8 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
"""
#: Whose token, and where to: what a hub decides, in nginx's words.
NGINX_ROUTES = """
    map $http_authorization $caller {{ default ""; {callers} }}
    map "$http_ocpi_to_country_code/$http_ocpi_to_party_id" $addressee {{ default ""; {addressees} }}
    upstream far {{ server 127.0.0.1:{far}; keepalive 128; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port} {tls};
        {certificate}
        location / {{
            if ($caller = "") {{ return 401; }}
            if ($addressee = "") {{ return 404; }}
            proxy_pass {scheme}://far; proxy_http_version 1.1; proxy_ssl_session_reuse on;
            proxy_set_header Connection ""; proxy_set_header X-Request-ID $request_id;
            proxy_set_header Authorization "Token b2YtdGhlLWh1Yg==";
        }}
    }}
}}
"""
#: TLS ends here, as docs/operating.md tells operators.
NGINX_BEFORE_HUB = """
    upstream far {{ server 127.0.0.1:{far}; keepalive 128; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        {certificate}
        location / {{ proxy_pass http://far; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
}}
"""
#: A platform with TLS.
NGINX_PLATFORM = """
    server {{
        listen 127.0.0.1:{port} ssl;
        {certificate}
        root {root}; default_type application/json;
        location ~ LARGE {{
            if ($request_method = PUT) {{ return 200 '{{"status_code":1000}}'; }}
            try_files /large =404;
        }}
        location / {{
            if ($request_method = PUT) {{ return 200 '{{"status_code":1000}}'; }}
            try_files /small =404;
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Front:
    """A program that takes requests."""

    port: int
    program: Running


def _certificate_lines(certificate: Certificate | None) -> str:
    if certificate is None:
        return ""
    return f"ssl_certificate {certificate.chain}; ssl_certificate_key {certificate.key};"


@asynccontextmanager
async def _nginx(folder: Path, text: str, core: int, **given: object) -> AsyncIterator[Front]:
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 nothing else waits
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text((NGINX_HEAD + text).format(folder=folder, port=port, **given))
    command = (str(nginx()), "-p", str(folder), "-e", str(folder / "nginx.error"), "-c", str(configuration))
    async with running(*command, core=core, output=folder / "nginx.log") as program:
        await program.listens(port)
        yield Front(port, program)


@asynccontextmanager
async def nginx_front(
    folder: Path, far: int, tokens: Mapping[str, str], certificate: Certificate | None = None
) -> AsyncIterator[Front]:
    """nginx that looks tokens and addressees up, and hands on; with a certificate, with TLS on both sides.

    Args:
        folder: For its files.
        far: The port of the platforms.
        tokens: Which party shows which token.
        certificate: What it shows.
    """
    callers = " ".join(
        f'"Token {base64.b64encode(token.encode()).decode()}" "{party}";' for token, party in tokens.items()
    )
    addressees = " ".join(f'"{party}" "far";' for party in tokens.values())
    async with _nginx(
        folder,
        NGINX_ROUTES,
        cores().measured,
        far=far,
        callers=callers,
        addressees=addressees,
        tls="ssl" if certificate else "",
        scheme="https" if certificate else "http",
        certificate=_certificate_lines(certificate),
    ) as front:
        yield front


@asynccontextmanager
async def tls_before(folder: Path, far: int, certificate: Certificate) -> AsyncIterator[Front]:
    """nginx that takes TLS off, before a hub; on the same core as the hub."""
    lines = _certificate_lines(certificate)
    async with _nginx(folder, NGINX_BEFORE_HUB, cores().measured, far=far, certificate=lines) as front:
        yield front


@asynccontextmanager
async def tls_platform(folder: Path, root: Path, certificate: Certificate) -> AsyncIterator[Front]:
    """A platform with TLS that answers with the files `small` and `large` of a folder."""
    lines = _certificate_lines(certificate)
    async with _nginx(folder, NGINX_PLATFORM, cores().others, root=root, certificate=lines) as front:
        yield front


@asynccontextmanager
async def aiohttp_front(folder: Path, far: int, tokens: Mapping[str, str]) -> AsyncIterator[Front]:
    """A plain proxy of aiohttp's server and aiohttp's client."""
    port = free_port()
    routes = dict.fromkeys(tokens.values(), f"http://127.0.0.1:{far}")
    arguments = [exact_json.encode(dict(each)).decode() for each in (tokens, routes)]
    command = (sys.executable, "-m", "tests.bench.others.aiohttp_proxy", str(port), *arguments)
    output = folder / "aiohttp.log"
    async with running(*command, core=cores().measured, output=output, cwd=HOME) as program:
        await program.listens(port)
        yield Front(port, program)


@asynccontextmanager
async def library_front(folder: Path, location: bytes, count: int, token: str) -> AsyncIterator[Front]:
    """The other OCPI library, serving as many copies of a location itself, from memory."""
    port, file = free_port(), folder / "location.json"
    file.write_bytes(location)
    python = ocpi_library()
    command = (
        str(python),
        "-m",
        "uvicorn",
        "ocpi_library_app:app",
        "--port",
        str(port),
        "--log-level",
        "warning",
    )
    environment = {"LOCATION": str(file), "LOCATIONS": str(count), "TOKEN": token}
    async with running(
        *command,
        core=cores().measured,
        output=folder / "library.log",
        environment=environment,
        cwd=OTHERS,
    ) as program:
        await program.listens(port)
        yield Front(port, program)
