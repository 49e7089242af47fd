"""How much of this machine may this process use: processors and memory, container limits included.

A container sees the host's cores and the host's memory, and is throttled or killed by its cgroup's limits.
Both versions of cgroups are read, at every level above the process, because the smallest limit rules. Where
there are none (no Linux, no container) the answers come from the operating system. Standard library only.

Every function takes `root`, the folder that stands for `/`, so that a test can lay out a machine in files.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_NO_LIMIT = 2**60
"""Version 1 says "no limit" as the largest multiple of the page size; no machine has an exbibyte."""

_ROOT = Path("/")


def cpu_quota(root: Path = _ROOT) -> float | None:
    """Processors' worth of time that the cgroup grants, 1.5 for one and a half; None where nothing limits it.

    Source: the kernel's cgroup-v2.rst (`cpu.max`) and sched-bwc.rst (`cpu.cfs_quota_us`).
    """
    quotas = []
    for version, folder in _levels("cpu", root):
        if version == 2:
            words = (_read(folder / "cpu.max") or "").split()
            numbers = [_number(word) for word in words]
        else:
            numbers = [_number(_read(folder / f"cpu.cfs_{name}_us")) for name in ("quota", "period")]
        if len(numbers) == 2 and numbers[0] and numbers[1] and numbers[0] > 0:
            quotas.append(numbers[0] / numbers[1])
    return min(quotas, default=None)


def memory_limit(root: Path = _ROOT) -> int | None:
    """Bytes of memory that the cgroup allows in all; None where nothing limits it."""
    return min((limit for limit, _ in _memory(root)), default=None)


def memory_available(root: Path = _ROOT) -> int:
    """Bytes that can be allocated now without swapping: the system's, or less where a cgroup leaves less.

    File cache that the kernel would give back counts as available, as it does in `MemAvailable`. macOS tells
    this to no standard library call: half of the memory built in is assumed there.
    """
    left = [limit - used for limit, used in _memory(root)]
    return max(0, min([_system_memory(root), *left]))


def return_freed_memory() -> None:
    """Hands what was freed back to the system: glibc keeps much of it for later, and other programs cannot have it.

    Does nothing where the C library has no such call.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def usable_threads(root: Path = _ROOT) -> int:
    """Threads that can really run at once: an upper bound for `torch.set_num_threads`, at least 1.

    The fewest of the processors this process may run on, the cgroup's quota to the nearest whole number, and
    OMP_NUM_THREADS where a person set it. More threads than the quota are throttled together, in lock-step.
    """
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    bounds = [processors]
    quota = cpu_quota(root)
    if quota is not None:
        bounds.append(int(quota + 0.5))
    wanted = _number(os.environ.get("OMP_NUM_THREADS", "").split(",")[0])
    if wanted:
        bounds.append(wanted)
    return max(1, min(bounds))


def _memory(root: Path) -> Iterator[tuple[int, int]]:
    """(limit, used) in bytes for every level that limits memory; file cache that can go is not used."""
    for version, folder in _levels("memory", root):
        if version == 2:
            limits = [_number(_read(folder / name)) for name in ("memory.max", "memory.high")]
            used, cache = _number(_read(folder / "memory.current")), "inactive_file"
        else:
            limits = [_number(_read(folder / "memory.limit_in_bytes"))]
            used, cache = _number(_read(folder / "memory.usage_in_bytes")), "total_inactive_file"
        known = [limit for limit in limits if limit is not None and limit < _NO_LIMIT]
        if known:
            match = re.search(rf"^{cache} (\d+)$", _read(folder / "memory.stat") or "", re.MULTILINE)
            yield min(known), max(0, (used or 0) - (int(match[1]) if match else 0))


def _levels(controller: str, root: Path) -> Iterator[tuple[int, Path]]:
    """(version, folder) of this process's cgroup and of each one above it, as far up as this process can see.

    In a container the mount often shows only a part of the tree: its own root is then a path of the host,
    and what follows that root in the process's path (nothing, when it is not below it) is what exists here.
    """
    paths: dict[int, PurePosixPath] = {}
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        number, controllers, place = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not controllers:
            paths[2] = PurePosixPath(place)
        elif controller in controllers.split(","):
            paths[1] = PurePosixPath(place)
    for version, mount_root, mount_point in _mounts(controller, root):
        if version in paths:
            path = paths[version]
            below = path.relative_to(mount_root) if path.is_relative_to(mount_root) else PurePosixPath()
            top = root / mount_point.relative_to("/")
            for level in (below, *below.parents) if ".." not in below.parts else (PurePosixPath(),):
                yield version, top / level


def _mounts(controller: str, root: Path) -> Iterator[tuple[int, PurePosixPath, PurePosixPath]]:
    """(version, root, mount point) of each mounted hierarchy for the controller (proc(5), mountinfo)."""
    for line in (_read(root / "proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        if kind[0] == "cgroup2":
            yield 2, _unescape(fields[3]), _unescape(fields[4])
        elif kind[0] == "cgroup" and controller in kind[2].split(","):
            yield 1, _unescape(fields[3]), _unescape(fields[4])


def _unescape(field: str) -> PurePosixPath:
    """A path of mountinfo, where the kernel writes a space as \\040."""
    return PurePosixPath(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), field))


def _system_memory(root: Path) -> int:
    """Bytes available on the whole machine, whatever the operating system."""
    match = re.search(r"^MemAvailable:\s+(\d+) kB$", _read(root / "proc/meminfo") or "", re.MULTILINE)
    if match:
        return int(match[1]) * 1024
    if sys.platform == "win32":
        # MEMORYSTATUSEX: two fields of 32 bits, its own size the first, then ullTotalPhys, ullAvailPhys …
        status = (ctypes.c_uint64 * 8)(64)
        ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return int(status[2])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _read(path: Path) -> str | None:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text()
    return None


def _number(text: str | None) -> int | None:
    """The whole number in a control file; None for "max", for an empty file and for one that is not there."""
    with contextlib.suppress(ValueError):
        return int(text or "")
    return None
