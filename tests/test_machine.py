"""Does nbgen.machine read container limits as the kernel lays them out? Fake /proc and /sys trees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nbgen import machine

GIB = 2**30


@pytest.fixture(autouse=True)
def sixteen_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def lay_out(root: Path, files: dict[str, str]) -> Path:
    files = {"proc/meminfo": "MemTotal:       33554432 kB\nMemAvailable:   16777216 kB\n", **files}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def version_two(root: Path, path: str = "/", mount_root: str = "/", **control: str) -> Path:
    """A unified hierarchy with control files at the mount point: `memory_max` is the file memory.max."""
    return lay_out(
        root,
        {
            "proc/self/cgroup": f"0::{path}\n",
            "proc/self/mountinfo": f"31 23 0:28 {mount_root} /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
            **{f"sys/fs/cgroup/{name.replace('_', '.', 1)}": text for name, text in control.items()},
        },
    )


def version_one(root: Path, path: str, mount_root: str, files: dict[str, str]) -> Path:
    """cpu and memory as two hierarchies; `files` are written below /sys/fs/cgroup."""
    return lay_out(
        root,
        {
            "proc/self/cgroup": f"4:memory:{path}\n1:cpu,cpuacct:{path}\n0::/\n",
            "proc/self/mountinfo": (
                "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
                f"32 31 0:29 {mount_root} /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup c rw,cpu,cpuacct\n"
                f"35 31 0:32 {mount_root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
            ),
            **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
        },
    )


def test_version_two_in_a_container(tmp_path: Path) -> None:
    root = version_two(
        tmp_path,
        cpu_max="150000 100000\n",
        memory_max=f"{4 * GIB}\n",
        memory_current=f"{3 * GIB}\n",
        memory_stat=f"anon 5\nfile 7\ninactive_file {GIB}\nactive_file 9\n",
    )
    assert machine.cpu_quota(root) == 1.5
    assert machine.memory_limit(root) == 4 * GIB
    assert machine.memory_available(root) == 2 * GIB  # file cache is given back before anything is killed
    assert machine.usable_threads(root) == 2


def test_version_two_without_limits(tmp_path: Path) -> None:
    root = version_two(tmp_path, cpu_max="max 100000\n", memory_max="max\n", memory_current="5\n")
    assert machine.cpu_quota(root) is None
    assert machine.memory_limit(root) is None
    assert machine.memory_available(root) == 16 * GIB
    assert machine.usable_threads(root) == 16


def test_version_two_throttles_above_memory_high(tmp_path: Path) -> None:
    root = version_two(tmp_path, memory_max=f"{4 * GIB}", memory_high=f"{GIB}", memory_current="0")
    assert machine.memory_limit(root) == GIB


def test_the_smallest_limit_above_the_process_rules(tmp_path: Path) -> None:
    root = version_two(tmp_path, path="/user.slice/app.scope", cpu_max="max 100000", memory_max="max")
    lay_out(
        root,
        {
            "sys/fs/cgroup/user.slice/cpu.max": "200000 100000",
            "sys/fs/cgroup/user.slice/memory.max": f"{2 * GIB}",
            "sys/fs/cgroup/user.slice/memory.current": f"{GIB}",
            "sys/fs/cgroup/user.slice/app.scope/cpu.max": "800000 100000",
            "sys/fs/cgroup/user.slice/app.scope/memory.max": f"{8 * GIB}",
            "sys/fs/cgroup/user.slice/app.scope/memory.current": "0",
        },
    )
    assert machine.cpu_quota(root) == 2.0
    assert machine.memory_limit(root) == 2 * GIB
    assert machine.memory_available(root) == GIB


def test_version_one_shows_only_its_own_part_of_the_tree(tmp_path: Path) -> None:
    # As in Docker without a cgroup namespace: the path is the host's, the mount starts at that path.
    root = version_one(
        tmp_path,
        path="/docker/0123",
        mount_root="/docker/0123",
        files={
            "cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
            "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "memory/memory.limit_in_bytes": f"{GIB}\n",
            "memory/memory.usage_in_bytes": f"{GIB // 2}\n",
            "memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB // 4}\n",
        },
    )
    assert machine.cpu_quota(root) == 0.5
    assert machine.memory_limit(root) == GIB
    assert machine.memory_available(root) == GIB - GIB // 4
    assert machine.usable_threads(root) == 1


def test_version_one_without_limits(tmp_path: Path) -> None:
    root = version_one(
        tmp_path,
        path="/",
        mount_root="/",
        files={
            "cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "memory/memory.limit_in_bytes": "9223372036854771712\n",
            "memory/memory.usage_in_bytes": "4096\n",
        },
    )
    assert machine.cpu_quota(root) is None
    assert machine.memory_limit(root) is None
    assert machine.memory_available(root) == 16 * GIB


@pytest.mark.parametrize(("path", "mount_root"), [("/../..", "/"), ("/elsewhere", "/docker/0123")])
def test_a_path_outside_what_is_mounted_reads_the_mount_itself(
    tmp_path: Path, path: str, mount_root: str
) -> None:
    root = version_two(tmp_path, path=path, mount_root=mount_root, memory_max=f"{GIB}", memory_current="0")
    lay_out(tmp_path.parent, {"memory.max": "1"})  # what ".." would reach
    assert machine.memory_limit(root) == GIB


def test_spaces_in_mount_points(tmp_path: Path) -> None:
    root = lay_out(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": "1 0 0:1 / /mnt/two\\040words rw - cgroup2 none rw\n",
            "mnt/two words/cpu.max": "300000 100000",
        },
    )
    assert machine.cpu_quota(root) == 3.0


@pytest.mark.parametrize("text", ["", "nonsense", "::::", "0::/\nx", "1 2 3 - ", "\x00"])
def test_damaged_files_mean_no_limit(tmp_path: Path, text: str) -> None:
    root = lay_out(
        tmp_path,
        {
            "proc/self/cgroup": text,
            "proc/self/mountinfo": text + "\n31 23 0:28 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
            "sys/fs/cgroup/cpu.max": text,
            "sys/fs/cgroup/memory.max": text,
            "sys/fs/cgroup/memory.stat": text,
        },
    )
    assert machine.cpu_quota(root) is None
    assert machine.memory_limit(root) is None
    assert machine.usable_threads(root) == 16


def test_more_in_use_than_allowed_leaves_nothing(tmp_path: Path) -> None:
    root = version_two(tmp_path, memory_max="100", memory_current="900")
    assert machine.memory_available(root) == 0


@pytest.mark.parametrize(("value", "threads"), [("3", 3), ("4,2", 4), ("999", 16), ("0", 16), ("many", 16)])
def test_a_person_may_ask_for_fewer_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, threads: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert machine.usable_threads(tmp_path) == threads


def test_no_proc_at_all(tmp_path: Path) -> None:
    assert machine.cpu_quota(tmp_path) is None
    assert machine.memory_available(tmp_path) > 0


def test_this_machine() -> None:
    assert 2**20 < machine.memory_available() < 2**50
    assert machine.usable_threads() >= 1
