"""What is this machine, and what of nbgen's needs is on it? Facts only; `doctor` judges them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .. import machine
from ..models.catalogue import embedded_folder

PACKAGES = (
    "torch", "diffusers", "transformers", "accelerate", "safetensors", "numpy", "scipy", "scikit-image", "torchsde",
    "pillow", "matplotlib", "ipykernel", "ipywidgets", "anywidget", "jupyterlab", "nbclient", "nbconvert",
)  # fmt: skip


@dataclass(frozen=True)
class Torch:
    """The torch that is installed: its build, usable devices with their free bytes, and its threads."""

    build: str = "CPU"
    devices: Mapping[str, int] = field(default_factory=dict)
    threads: int = 1
    error: str = ""


@dataclass(frozen=True)
class Examination:
    """All that the doctor looks at. `store_error` is empty where the store can be written."""

    python: tuple[int, int, int]
    system: str
    packages: Mapping[str, str | None]
    torch: Torch
    nvidia_card: bool
    processors: int
    quota: float | None
    threads: int
    memory_available: int
    memory_limit: int | None
    store: Path | None
    store_files: int
    store_bytes: int
    store_error: str
    disk_free: int
    weights: int
    """Bytes of the embedded model's weights."""


def examine() -> Examination:
    """Look at this machine. Imports torch; reaches for no network."""
    folder, files, size = _store()
    return Examination(
        python=sys.version_info[:3],
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        packages={name: _version(name) for name in PACKAGES},
        torch=_torch(),
        nvidia_card=_nvidia_card(),
        processors=os.cpu_count() or 1,
        quota=machine.cpu_quota(),
        threads=machine.usable_threads(),
        memory_available=machine.memory_available(),
        memory_limit=machine.memory_limit(),
        store=folder,
        store_files=files,
        store_bytes=size,
        store_error=write_error(folder) if folder else "a package that it needs is missing",
        disk_free=_disk_free(folder or Path(".")),
        weights=sum(path.stat().st_size for path in embedded_folder("mini").rglob("*.safetensors")),
    )


def write_error(folder: Path) -> str:
    """Why no file can be written to `folder`, made if need be; empty where it can. Leaves nothing behind."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    probe = folder / ".doctor.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"nbgen" * 1000)  # more than a byte, or a full disk may still take it
        return ""
    except OSError as error:
        return error.strerror or str(error)
    finally:
        for leave in (lambda: probe.unlink(missing_ok=True), *(place.rmdir for place in made)):
            try:
                leave()
            except OSError:
                break


def _store() -> tuple[Path | None, int, int]:
    """The store's folder, files and bytes. Storage needs Pillow, which a broken installation may lack."""
    try:
        from ..storage import default_store
    except ImportError:
        return None, 0, 0
    return (default_store().folder, *default_store().size())


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _torch() -> Torch:
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a shared library of a broken or foreign build
        return Torch(error=str(error))
    devices: dict[str, int] = {}
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        devices[f"cuda:{index} {torch.cuda.get_device_name(index)}"] = torch.cuda.mem_get_info(index)[0]
    if torch.backends.mps.is_available():
        devices["mps"] = machine.memory_available()
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "ROCm" if torch.version.hip else "CPU"
    return Torch(build=build, devices=devices, threads=torch.get_num_threads())


def _nvidia_card() -> bool:
    """Whether an NVIDIA driver runs here, whatever torch thinks of it."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _disk_free(folder: Path) -> int:
    existing = next((place for place in (folder, *folder.parents) if place.exists()), Path("."))
    return shutil.disk_usage(existing).free
