"""How much memory the machine and its control groups leave this process, in bytes. Loads no torch.

In a container the machine's free memory says little: the control group's limit is what ends the kernel, so
both are looked at.
"""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil


@dataclass(frozen=True)
class Memory:
    """Free memory in bytes, and in words where the limit comes from."""

    free: int
    where: str


def gigabytes(n: float) -> str:
    """A number of bytes as people read it: '538 MB', '1.1 GB'."""
    return f"{n / 1e6:,.0f} MB" if n < 999.5e6 else f"{n / 1e9:,.1f} GB"


def on_machine(group: int | None) -> Memory:
    """What is free for programs on the CPU.

    Args:
        group: what the control groups leave, from `cgroup_free()`.
    """
    machine = psutil.virtual_memory().available
    if group is None or group >= machine:
        return Memory(machine, "free on this machine")
    return Memory(
        group, f"left within this container's limit (the machine itself has {gigabytes(machine)} free)"
    )


def gpu_possible() -> bool:
    """Whether torch, which takes seconds to load, may know of more than the CPU: its driver is here.

    Example:
        >>> gpu_possible() in (True, False)
        True
    """
    if "torch" in sys.modules or (sys.platform == "darwin" and platform.machine() == "arm64"):
        return True
    if sys.platform == "win32":
        return Path(os.environ.get("SYSTEMROOT", "C:/Windows"), "System32", "nvcuda.dll").exists()
    # NVIDIA's, Windows' own (in WSL), AMD's
    return any(Path("/dev", name).exists() for name in ("nvidiactl", "nvidia0", "dxg", "kfd"))


def cgroup_free(proc: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What the control groups of this process leave it, in bytes; None where there is no limit.

    The tightest of the process's own group and all above it counts. File cache that the kernel would drop
    first (`inactive_file`) is free. See the kernel's admin-guide: cgroup-v1/memory.rst and cgroup-v2.rst.

    Args:
        proc: the list of this process's groups, one `id:controllers:path` a line.
        mount: where the groups are mounted.
    """
    try:
        lines = proc.read_text().splitlines()
    except OSError:
        return None
    left: list[int] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2
            base, limit, used, cache = mount, "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):  # version 1
            base, limit, used = mount / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            cache = "total_inactive_file"
        else:
            continue
        # Inside a container the path may be the host's and missing here: the mount itself is then ours.
        group = PurePosixPath(path.lstrip("/"))
        for folder in (base / group, *(base / parent for parent in group.parents)):
            free = _group_free(folder, limit, used, cache)
            if free is not None:
                left.append(free)
    return min(left, default=None)


def _group_free(folder: Path, limit: str, used: str, cache: str) -> int | None:
    try:
        ceiling = int((folder / limit).read_text())  # "max", no limit, is no number
        in_use = int((folder / used).read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    if ceiling >= 1 << 60:  # version 1 writes "no limit" as a huge number
        return None
    return max(0, ceiling - in_use + int(stat.get(cache, 0)))
