"""`python -m nbgen doctor`: what is here, what is wrong, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .. import __version__
from .examination import Examination, examine

GIB = 2**30

LEAST = {
    "torch": ("2.10", "older ones have known security holes"),
    "diffusers": ("0.42.1", "older ones have known security holes"),
    "transformers": ("5.3", "older ones have known security holes"),
    "pillow": ("12.3", "older ones have known security holes"),
}
"""The oldest version of a package that is safe to use, and why. pyproject.toml asks for the same."""

WITHOUT = {
    "accelerate": "models larger than the memory cannot be moved to a GPU part by part",
    "anywidget": "there are no controls in notebooks",
    "diffusers": "no diffusion model can be loaded",
    "ipykernel": "no notebook can run",
    "ipywidgets": "there are no controls and no live progress in notebooks",
    "jupyterlab": "`python -m nbgen lab` has nothing to open",
    "matplotlib": "there are no figures",
    "nbclient": "`python -m nbgen demo` cannot run the quickstart",
    "nbconvert": "`python -m nbgen demo` cannot write its page",
    "numpy": "nothing runs",
    "pillow": "there are no pictures",
    "safetensors": "no weights can be read",
    "scikit-image": "pictures cannot be measured against each other",
    "scipy": "the samplers LMS and DPM++ SDE are unavailable",
    "torch": "no model runs",
    "torchsde": "the sampler DPM++ SDE is unavailable",
    "transformers": "no prompt can be read",
}
"""What does not work without a package."""

ENOUGH_MEMORY = int(1.5 * GIB)
"""What the quickstart may take at most, the kernel included."""

ENOUGH_DISK = GIB // 4


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, and what puts it right."""

    problem: str
    remedy: str


def report() -> int:
    """Print the facts, what is wrong, and the remedy; 1 where something is wrong, else 0."""
    seen = examine()
    width = max(len(name) for name, _ in facts(seen))
    print(f"nbgen {__version__}")
    for name, value in facts(seen):
        print(f"  {name:<{width}}  {value}")
    found = findings(seen)
    print("\nNothing is wrong." if not found else "\nWhat is wrong, and the remedy:")
    for finding in found:
        print(f"- {finding.problem}\n  {finding.remedy}")
    return 1 if found else 0


def facts(seen: Examination) -> list[tuple[str, str]]:
    """(name, value) of each line of the report."""
    torch = seen.torch
    devices = [f"{name}, {_size(free)} free" for name, free in torch.devices.items()]
    return [
        ("Python", ".".join(map(str, seen.python))),
        ("system", seen.system),
        ("torch", f"{seen.packages.get('torch') or 'missing'} ({torch.error or torch.build + ' build'})"),
        ("device", "; ".join(devices) or "cpu"),
        ("processors", f"{seen.processors}, {_limit('cgroup grants', seen.quota, '{:g}'.format)}"),
        ("threads", f"{seen.threads} (torch by itself: {torch.threads})"),
        (
            "memory",
            f"{_size(seen.memory_available)} free, {_limit('cgroup allows', seen.memory_limit, _size)}",
        ),
        ("store", f"{seen.store or 'unknown'}: {seen.store_files} files, {_size(seen.store_bytes)}"),
        ("mini", f"{_size(seen.weights)} of weights, inside the package"),
        ("disk", f"{_size(seen.disk_free)} free where the store lies"),
        *((name, version or "missing") for name, version in seen.packages.items() if name != "torch"),
    ]


def findings(seen: Examination) -> list[Finding]:
    """All that is wrong, what weighs most first."""
    return [finding for check in CHECKS for finding in check(seen)]


def _python(seen: Examination) -> Iterator[Finding]:
    if seen.python < (3, 11, 0):
        yield Finding("This Python is older than 3.11.", "Install Python 3.11 or newer, and nbgen into it.")


def _missing(seen: Examination) -> Iterator[Finding]:
    for name, version in seen.packages.items():
        if version is None:
            yield Finding(f"{name} is missing: {WITHOUT[name]}.", f"python -m pip install {name}")


def _old(seen: Examination) -> Iterator[Finding]:
    for name, (least, why) in LEAST.items():
        version = seen.packages.get(name)
        if version is not None and _older(version, least):
            yield Finding(
                f"{name} {version} is older than {least}: {why}.",
                f'python -m pip install --upgrade "{name}>={least}"',
            )


def _broken_torch(seen: Examination) -> Iterator[Finding]:
    if seen.torch.error and seen.packages.get("torch"):
        yield Finding(
            f"torch cannot be loaded: {seen.torch.error}", "Install torch again: https://pytorch.org"
        )


def _weights(seen: Examination) -> Iterator[Finding]:
    if seen.weights < 2**20:
        yield Finding("The weights of mini are missing.", "Install nbgen again, or clone it again.")


def _idle_card(seen: Examination) -> Iterator[Finding]:
    if not seen.nvidia_card or seen.torch.devices or seen.torch.error:
        return
    if seen.torch.build == "CPU":
        yield Finding(
            "There is an NVIDIA card, and this torch was built for CPUs only.",
            "Install the CUDA build of torch: https://pytorch.org/get-started/locally/ has the command.",
        )
    else:
        yield Finding(
            "There is an NVIDIA driver, and torch finds no card that it can use.",
            f"Let `nvidia-smi` list the card, and update the driver to one for {seen.torch.build}.",
        )


def _memory(seen: Examination) -> Iterator[Finding]:
    if seen.memory_available < ENOUGH_MEMORY:
        limited = seen.memory_limit is not None and seen.memory_limit < 2 * ENOUGH_MEMORY
        yield Finding(
            f"{_size(seen.memory_available)} of memory are free, and the quickstart takes up to 1.5 GiB.",
            f"Raise the container's memory limit of {_size(seen.memory_limit or 0)}."
            if limited
            else "Close other programs, and other notebooks' kernels.",
        )


def _store(seen: Examination) -> Iterator[Finding]:
    if seen.store_error:
        yield Finding(
            f"The store cannot be written ({seen.store_error}): pictures live only as long as the notebook.",
            "Set NBGEN_STORE to a folder that you can write to.",
        )
    elif seen.disk_free < ENOUGH_DISK:
        yield Finding(
            f"{_size(seen.disk_free)} are free on the disk where the store lies.",
            "Make room there, or set NBGEN_STORE to a folder on another disk.",
        )


CHECKS: tuple[Callable[[Examination], Iterator[Finding]], ...] = (
    _python, _missing, _broken_torch, _old, _weights, _idle_card, _memory, _store,
)  # fmt: skip


def _older(version: str, least: str) -> bool:
    """Whether `version` precedes `least`: 2.9.1+cpu is older than 2.10."""
    numbers = [
        [int(part) for part in re.findall(r"\d+", text.partition("+")[0])] for text in (version, least)
    ]
    return numbers[0] < numbers[1]


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _limit(words: str, value: float | None, show: Callable[[float], str]) -> str:
    return "no cgroup limit" if value is None else f"{words} {show(value)}"
