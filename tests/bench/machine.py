"""The machine: its cores, the processor time and the memory that processes took of it."""

import os
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
NANOSECONDS = 1_000_000_000


class Cores(NamedTuple):
    """Where processes run: what is measured alone on one core, whoever asks and answers it on another."""

    measured: int
    others: int


def cores() -> Cores:
    """Two cores, or the same twice on a machine that has only one."""
    free = sorted(os.sched_getaffinity(0))
    return Cores(free[0], free[-1])


def members(group: int) -> list[int]:
    """The processes of a process group."""
    return [int(each.name) for each in PROC.glob("[0-9]*") if _group(each) == group]


def _group(process: Path) -> int | None:
    try:
        # The name stands in parentheses and may hold anything; behind it: state, parent, group.
        return int((process / "stat").read_text().rpartition(")")[2].split()[2])
    except OSError:
        return None


def family_seconds(process: int) -> float:
    """What all threads of a process and its descendants have had of the processors."""
    parents = {int(each.name): _parent(each) for each in PROC.glob("[0-9]*")}
    family, found = {process}, {process}
    while found:
        found = {each for each, parent in parents.items() if parent in found} - family
        family |= found
    return sum(_process_seconds(PROC / str(each)) for each in family)


def _parent(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _process_seconds(process: Path) -> float:
    """Exact while no thread has ended; with those that have, as exact as the kernel's books about them."""
    alive = sum(_thread_seconds(thread) for thread in (process / "task").glob("[0-9]*"))
    return max(alive, _ticks(process) / os.sysconf("SC_CLK_TCK"))


def _thread_seconds(thread: Path) -> float:
    try:
        return int((thread / "schedstat").read_text().split()[0]) / NANOSECONDS
    except FileNotFoundError:
        # A thread that has just ended, or a kernel that does not keep books so exactly.
        return _ticks(thread) / os.sysconf("SC_CLK_TCK")


def _ticks(process_or_thread: Path) -> int:
    try:
        user, system = (process_or_thread / "stat").read_text().rpartition(")")[2].split()[11:13]
    except OSError:
        return 0
    return int(user) + int(system)


def memory_mib(group: int) -> float:
    """What the processes of a group hold now, in MiB."""
    return sum(_resident_kib(one) for one in members(group)) / 1024


def _resident_kib(process: int) -> int:
    try:
        lines = (PROC / str(process) / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(each.split()[1]) for each in lines if each.startswith("VmRSS")), 0)


def description() -> str:
    """In words: cores, their kind, and how busy they are with other things."""
    lines = (PROC / "cpuinfo").read_text().splitlines()
    model = next(
        (each.partition(":")[2].strip() for each in lines if each.startswith("model name")), "unknown"
    )
    count = len(os.sched_getaffinity(0))
    return f"{count} cores, {model}; load average {os.getloadavg()[0]:.1f} at the start"
