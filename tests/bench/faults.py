"""Faults: partners are asked in turn, one of them hangs, refuses or is slow; how the others fare."""

from contextlib import AsyncExitStack
from pathlib import Path

from tests.bench.hub import PREFIX, Platform, Platforms, hub
from tests.bench.loading import NUMBER, Load, Request, load
from tests.bench.results import Findings, middle
from tests.bench.scale import Scale
from tests.bench.upstream import Upstream, upstream
from tests.fixtures.ports import free_port

EMSP = "NL/TNM"
#: Enough for all requests that a partner leaves without an answer, and for the others.
CONNECTIONS = 512
MOST_OF_HEALTHY = 1.2
#: The class of requests to the last partner; the others are in the first.
FAULTY = 1
HEALTHY = "all are well"
CASES = {
    HEALTHY: "well",
    "one hangs": "hang",
    "one refuses connections": "away",
    "one is slow by 2 s": "slow",
}


async def measure(scale: Scale, folder: Path) -> Findings:
    """The others' latencies in each case, against those when all are well in the same round."""
    findings = Findings(
        f"Faults: 1 of {scale.partners} partners, {scale.faulty_rate} relayed requests a second in turn"
    )
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(upstream(folder / "far"))
        # Its connections are its own, as any partner's are.
        apart = await stack.enter_async_context(upstream(folder / "apart"))
        platforms = await stack.enter_async_context(Platforms())
        made = await stack.enter_async_context(hub(folder / "hub"))
        emsp = await platforms.join(made, "emsp", "EMSP", EMSP, {})
        others = [_party(number) for number in range(scale.partners - 1)]
        faulty = {case: _party(scale.partners + number) for number, case in enumerate(CASES)}
        for party in others:
            await platforms.join(made, party.replace("/", "-"), "CPO", party, _offers(far, "well"))
        for case, party in faulty.items():
            await platforms.join(made, CASES[case], "CPO", party, _offers(apart, CASES[case]))
        requests = {
            case: [*(_get(emsp, each, 0) for each in others), _get(emsp, party, FAULTY)]
            for case, party in faulty.items()
        }
        rounds = [
            {case: await _turn(made.port, requests[case], scale, folder) for case in CASES}
            for _ in range(scale.rounds)
        ]
    _tell(rounds, findings)
    return findings


def _party(number: int) -> str:
    return f"BE/C{number:02d}"


def _offers(far: Upstream, name: str) -> dict[tuple[str, str], str]:
    url = far.endpoint(name, "locations", "SENDER")
    if name == CASES["one refuses connections"]:
        url = url.replace(f":{far.port}/", f":{free_port()}/")
    return {("locations", "SENDER"): url}


def _get(emsp: Platform, party: str, kind: int) -> Request:
    return Request("GET", f"{PREFIX}/sender/locations/LOC{NUMBER}", emsp.token, party, EMSP, kind=kind)


async def _turn(port: int, requests: list[Request], scale: Scale, folder: Path) -> Load:
    return await load(
        folder,
        port,
        requests,
        seconds=scale.faulty_seconds,
        rate=scale.faulty_rate,
        connections=CONNECTIONS,
    )


def _tell(rounds: list[dict[str, Load]], findings: Findings) -> None:
    for case in CASES:
        others = [each[case].kinds[0] for each in rounds]
        faulty = [each[case].kinds.get(FAULTY) for each in rounds]
        ratio = middle([one[case].kinds[0].p99 / one[HEALTHY].kinds[0].p99 for one in rounds])
        findings.row(
            case,
            **{
                "others, p50 ms": middle([each.p50 for each in others]),
                "others, p99 ms": middle([each.p99 for each in others]),
                "p99 of healthy": ratio,
                "others, not good": sum(each.bad for each in others),
                "the faulty one, good": sum(each.good for each in faulty if each),
                "the faulty one, refused": sum(each.failed for each in faulty if each),
                "the faulty one, unanswered": sum(each.unanswered + each.lost for each in faulty if each),
            },
        )
        if case != HEALTHY:
            findings.at_most(f"others' p99 when {case}, of healthy", MOST_OF_HEALTHY, ratio)
