"""Relay: a request of one platform handed on to another, with every duty of a hub, against those with fewer.

Whatever relays is alone on one core; who asks and who answers share another. Candidates take turns within a
round, and a ratio is always that of one round: what else the machine does then falls on all of them.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas import exact_json
from tests.bench.certificates import certificate
from tests.bench.fronts import Front, aiohttp_front, library_front, nginx_front, tls_before, tls_platform
from tests.bench.hub import PREFIX, Hub, Platforms, hub
from tests.bench.loading import NUMBER, Load, Request, load
from tests.bench.obtaining import Missing
from tests.bench.processes import Running
from tests.bench.results import Findings, middle
from tests.bench.scale import Scale
from tests.bench.upstream import LARGE, LARGE_BYTES, SMALL_BYTES, location, upstream

CPO, EMSP = "BE/BEC", "NL/TNM"
HUB_NAME, ORDINARY, NGINX, AIOHTTP, LIBRARY = (
    "ocpi-hub",
    "ocpi-hub, ordinary path",
    "nginx proxy_pass",
    "aiohttp proxy",
    "extrawest-ocpi, no relay",
)
DIRECT, BEHIND = "nobody between", "ocpi-hub behind nginx"
SIZES = {"1 KB": ("LOC", SMALL_BYTES), "50 KB": (LARGE, LARGE_BYTES)}
SHAPES = tuple(f"{method} {size}" for size in SIZES for method in ("GET", "PUT"))
SMALL_SHAPES = SHAPES[:2]
#: Of nginx's requests a second: with 1 KB on the ordinary path, with 1 KB and with 50 KB on the fast path.
LEAST_ORDINARY, LEAST, LEAST_LARGE = 0.28, 0.5, 0.45
MOST_ADDED_P50, MOST_ADDED_P99 = 1.0, 10.0

#: Of nginx's requests a second, by shape and candidate.
Ratios = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that answers the requests of all shapes."""

    name: str
    port: int
    #: What its work costs; none for the far end itself, which is not measured.
    programs: tuple[Running, ...]
    requests: Mapping[str, Request]
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What one candidate did in a round."""

    load: Load
    #: Processor time for each request, in microseconds.
    cost: float

    @property
    def a_core_second(self) -> float:
        """Requests for each second of processor time."""
        return 1e6 / self.cost if self.cost else 0.0


async def measure(scale: Scale, folder: Path) -> Findings:
    """Relay without TLS: all shapes, then what is added at half load."""
    findings = Findings(f"Relay, {scale.connections} connections, keep-alive")
    async with AsyncExitStack() as stack:
        candidates = await _candidates(stack, scale, folder, findings)
        ratios, most = await _compare(scale, folder, candidates, findings)
        await _half_load(scale, folder, candidates, most / 2, findings)
    _must("relay", HUB_NAME, SHAPES, ratios, findings)
    _must("relay", ORDINARY, SMALL_SHAPES, ratios, findings)
    return findings


async def measure_tls(scale: Scale, folder: Path) -> Findings:
    """Relay with TLS on both sides."""
    findings = Findings(f"Relay with TLS on both sides, {scale.connections} connections, keep-alive")
    async with AsyncExitStack() as stack:
        candidates = await _tls_candidates(stack, folder)
        ratios, _ = await _compare(scale, folder, candidates, findings)
    _must("relay with TLS", HUB_NAME, SHAPES, ratios, findings)
    return findings


def _must(what: str, name: str, shapes: Iterable[str], ratios: Ratios, findings: Findings) -> None:
    for shape in shapes:
        least = LEAST_LARGE if shape not in SMALL_SHAPES else LEAST_ORDINARY if name == ORDINARY else LEAST
        path = name.removeprefix(HUB_NAME)
        findings.at_least(
            f"{what}{path}, {shape}, of nginx's requests/s on one core", least, ratios.get((shape, name))
        )


async def _candidates(
    stack: AsyncExitStack, scale: Scale, folder: Path, findings: Findings
) -> list[Candidate]:
    far = await stack.enter_async_context(upstream(folder / "far"))
    candidates = []
    for name, option in ((HUB_NAME, "--fast-path"), (ORDINARY, "--no-fast-path")):
        made, tokens = await stack.enter_async_context(hub_between(folder / name, far.port, option))
        requests = requests_of(tokens)
        candidates.append(Candidate(name, made.port, (made.running,), requests))
    # The others know the tokens of the last one.
    by_token = {token: party for party, token in tokens.items()}
    for name, begin in (
        (NGINX, lambda: nginx_front(folder / "nginx", far.port, by_token)),
        (AIOHTTP, lambda: aiohttp_front(folder, far.port, by_token)),
        (LIBRARY, lambda: library_front(folder, _body(CPO, SMALL_BYTES, "LOC1"), 100, tokens[EMSP])),
    ):
        if name == LIBRARY and not scale.has_library:
            continue
        try:
            front: Front = await stack.enter_async_context(begin())
        except Missing as missing:
            findings.notes.append(f"{name} is not compared: {missing}")
            continue
        asked = library_requests(tokens[EMSP]) if name == LIBRARY else requests
        candidates.append(Candidate(name, front.port, (front.program,), asked))
    # The far end looks at no token: the same requests, with nobody between.
    return [*candidates, Candidate(DIRECT, far.port, (), requests)]


async def _tls_candidates(stack: AsyncExitStack, folder: Path) -> list[Candidate]:
    shown = certificate(folder / "tls")
    # Its files are what the platform with TLS answers.
    await stack.enter_async_context(upstream(folder / "far"))
    far = await stack.enter_async_context(tls_platform(folder / "platform", folder / "far", shown))
    trust = {"SSL_CERT_FILE": str(shown.chain)}
    own = ("--tls-certificate", str(shown.chain), "--tls-key", str(shown.key))
    candidates = []
    for name, options in ((HUB_NAME, own), (BEHIND, ())):
        made, tokens = await stack.enter_async_context(
            hub_between(folder / name, far.port, *options, scheme="https", environment=trust)
        )
        requests, programs, port = requests_of(tokens), (made.running,), made.port
        if not options:
            before = await stack.enter_async_context(tls_before(folder / "before", made.port, shown))
            programs, port = (made.running, before.program), before.port
        candidates.append(Candidate(name, port, programs, requests, tls=True))
    by_token = {token: party for party, token in tokens.items()}
    front = await stack.enter_async_context(nginx_front(folder / "nginx", far.port, by_token, shown))
    return [*candidates, Candidate(NGINX, front.port, (front.program,), requests, tls=True)]


@asynccontextmanager
async def hub_between(
    folder: Path,
    far: int,
    *options: str,
    scheme: str = "http",
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[Hub, dict[str, str]]]:
    """A hub with a CPO and an eMSP that answer at one port; what each party shows it."""
    async with Platforms() as platforms, hub(folder, *options, environment=environment) as made:
        base = f"{scheme}://127.0.0.1:{far}"
        offers = {("locations", side): f"{base}/{side.lower()}" for side in ("SENDER", "RECEIVER")}
        cpo = await platforms.join(made, "cpo", "CPO", CPO, offers)
        emsp = await platforms.join(made, "emsp", "EMSP", EMSP, offers)
        yield made, {each.party: each.token for each in (cpo, emsp)}


def requests_of(tokens: Mapping[str, str]) -> dict[str, Request]:
    """A GET of the eMSP and a PUT of the CPO, in each size; every one of another object."""
    made = {}
    for size, (name, length) in SIZES.items():
        made[f"GET {size}"] = Request(
            "GET", f"{PREFIX}/sender/locations/{name}{NUMBER}", tokens[EMSP], CPO, EMSP
        )
        path = f"{PREFIX}/receiver/locations/{CPO}/{name}{NUMBER}"
        made[f"PUT {size}"] = Request(
            "PUT", path, tokens[CPO], EMSP, CPO, _body(CPO, length, f"{name}{NUMBER}")
        )
    return made


def library_requests(token: str) -> dict[str, Request]:
    """The same of a library that serves its locations itself, at its own paths.

    A PUT of 50 KB takes it more than a second of processor time.
    """
    name = f"LOC{NUMBER}"
    path = f"/ocpi/emsp/2.2.1/locations/{CPO}/{name}"
    return {
        "GET 1 KB": Request("GET", f"/ocpi/cpo/2.2.1/locations/{name}", token, None, EMSP),
        "PUT 1 KB": Request("PUT", path, token, None, EMSP, _body(CPO, SMALL_BYTES, name)),
    }


def _body(party: str, size: int, name: str) -> bytes:
    return exact_json.encode(location(party, name, size))


async def _compare(
    scale: Scale, folder: Path, candidates: list[Candidate], findings: Findings
) -> tuple[Ratios, float]:
    """All shapes; the ratios to nginx, and the hub's requests a second for the first."""
    ratios: dict[tuple[str, str], float] = {}
    first = 0.0
    for shape in SHAPES:
        compared = [each for each in candidates if shape in each.requests and each.programs]
        for each in compared:
            await _turn(each, folder, shape, scale, scale.seconds / 4)  # it gets warm
        rounds = [
            {each.name: await _turn(each, folder, shape, scale, scale.seconds) for each in compared}
            for _ in range(scale.rounds)
        ]
        for each in compared:
            findings.row(f"{shape}: {each.name}", **_figures([turns[each.name] for turns in rounds], rounds))
            if NGINX in rounds[0]:
                ratios[shape, each.name] = _ratio([turns[each.name] for turns in rounds], rounds)
        first = first or middle([turns[compared[0].name].load.a_second for turns in rounds])
    return ratios, first


async def _turn(
    candidate: Candidate, folder: Path, shape: str, scale: Scale, seconds: float, rate: float = 0
) -> Turn:
    before = sum(each.seconds() for each in candidate.programs)
    found = await load(
        folder,
        candidate.port,
        [candidate.requests[shape]],
        seconds=seconds,
        rate=rate,
        connections=scale.connections,
        tls=candidate.tls,
    )
    used = sum(each.seconds() for each in candidate.programs) - before
    return Turn(found, 1e6 * used / max(1, found.good))


def _ratio(turns: list[Turn], rounds: list[dict[str, Turn]]) -> float:
    return middle(
        [turn.load.a_second / others[NGINX].load.a_second for turn, others in zip(turns, rounds, strict=True)]
    )


def _figures(turns: list[Turn], rounds: list[dict[str, Turn]]) -> dict[str, float | int | None]:
    is_compared = NGINX in rounds[0]
    return {
        "requests/s": middle([each.load.a_second for each in turns]),
        "of nginx": _ratio(turns, rounds) if is_compared else None,
        "CPU µs a request": middle([each.cost for each in turns]),
        "of nginx, by CPU": middle(
            [others[NGINX].cost / turn.cost for turn, others in zip(turns, rounds, strict=True) if turn.cost]
        )
        if is_compared
        else None,
        "p50 ms": middle([each.load.latencies.p50 for each in turns]),
        "p99 ms": middle([each.load.latencies.p99 for each in turns]),
        "not good": sum(each.load.bad for each in turns),
    }


async def _half_load(
    scale: Scale, folder: Path, candidates: list[Candidate], rate: float, findings: Findings
) -> None:
    """What the hub adds to the time of an answer when it has half of what it can do."""
    shape = SHAPES[0]
    compared = [each for each in candidates if each.name in {HUB_NAME, NGINX, DIRECT}]
    rounds = [
        {each.name: await _turn(each, folder, shape, scale, scale.seconds, rate) for each in compared}
        for _ in range(scale.rounds)
    ]

    def added(name: str, figure: str) -> float:
        times = [
            (getattr(turns[name].load.latencies, figure), getattr(turns[DIRECT].load.latencies, figure))
            for turns in rounds
        ]
        return middle([mine - direct for mine, direct in times])

    for each in compared:
        turns = [one[each.name] for one in rounds]
        findings.row(
            f"half load, {shape}: {each.name}",
            **{
                "requests/s": middle([turn.load.a_second for turn in turns]),
                "CPU µs a request": middle([turn.cost for turn in turns]) or None,
                "p50 ms": middle([turn.load.latencies.p50 for turn in turns]),
                "p99 ms": middle([turn.load.latencies.p99 for turn in turns]),
                "added p50 ms": added(each.name, "p50"),
                "added p99 ms": added(each.name, "p99"),
                "not good": sum(turn.load.bad for turn in turns),
            },
        )
    findings.at_most("added latency of a relay at half load, p50 ms", MOST_ADDED_P50, added(HUB_NAME, "p50"))
    findings.at_most("added latency of a relay at half load, p99 ms", MOST_ADDED_P99, added(HUB_NAME, "p99"))
