"""Where do a model's weights go, in which precision, and why: chosen from what the machine has, and said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch

from ..engine.memory import free_bytes, give_back
from ..errors import ModelError, brief, did_you_mean

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
MEMORY = ("low",)
SPEED = ("compile",)
ROOM = 1.2
"""Free memory that weights are put into, as a multiple of their size: forwards need some too."""
_MAKES_OWN_SENSE = ("forward", "encode", "decode")


@dataclass(frozen=True)
class Placing:
    """The device, the precision, whether parts take turns on the device, and the reasons in a sentence."""

    device: torch.device
    dtype: str
    low_memory: bool
    tiled: bool
    why: str


def choose(
    device: str | None,
    dtype: str | None,
    memory: str | None = None,
    *,
    flow: bool = False,
    numbers: int = 0,
) -> Placing:
    """What the machine has decides what is left out. Raises ModelError for what it has not.

    flow: a flow-matching transformer, whose numbers leave the range of float16
    numbers: how many the weights are
    """
    where = device_of_name(device)
    if dtype is not None and dtype not in DTYPES:
        raise ModelError(f"there is no dtype {brief(dtype, 40)}: {did_you_mean(str(dtype), DTYPES)}")
    if memory not in (None, *MEMORY):
        raise ModelError(f'memory must be "low" or left out, not {brief(memory, 40)}.')
    kind, reason = (dtype, "as you asked") if dtype is not None else _precision(where, flow)
    needed = numbers * DTYPES[kind].itemsize
    free = free_bytes(where)
    low, told = memory == "low" and where.type != "cpu", ""
    if low:
        told = (
            "; parts take turns on it (memory='low'), which is slower and needs the largest part's room only"
        )
    elif where.type != "cpu" and needed * ROOM > free:
        low = True
        told = (
            f"; parts take turns on it, because {needed / 1e9:.1f} GB of weights do not fit the "
            f"{free / 1e9:.1f} GB that are free"
        )
    elif where.type == "cpu" and needed * ROOM > free:
        told = f"; {needed / 1e9:.1f} GB of weights are more than the {free / 1e9:.1f} GB that are free: it may swap"
    elif memory == "low":
        told = "; memory='low' tiles the decoder, and changes nothing else on a CPU"
    return Placing(where, kind, low, low or memory is not None, f"{kind} on {where.type}: {reason}{told}.")


def device_of_name(device: str | None) -> torch.device:
    """The device that a name means, the best there is for None. Raises ModelError for one that is not here."""
    if device is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise ModelError(f'there is no device {device!r:.40}: "cpu", "cuda" and "mps" are known.') from None
    usable = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not usable.get(found.type, False):
        raise ModelError(
            f'this machine, or the installed torch, has no device {device!r:.40}; device="cpu" always works.'
        )
    return found


def _precision(where: torch.device, flow: bool) -> tuple[str, str]:
    if where.type == "cpu":
        return "float32", "half precision is slower on most processors"
    if flow and (where.type != "cuda" or torch.cuda.is_bf16_supported()):
        return "bfloat16", "half the memory, and flow-matching models leave the range of float16"
    return "float16", "half the memory of float32 and faster"


def settle(held: Any, placing: Placing, speed: str | None, *, driven: bool) -> None:
    """The parts of a model that was read, brought where the placing wants them; compiled where `speed` says so.

    held: the parts as attributes, on the host where they are to take turns; driven: called part by part, by nbgen
    """
    modules: dict[str, Any] = {
        name: part for name, part in vars(held).items() if isinstance(part, torch.nn.Module)
    }
    if "controls" in modules:  # what is called, and so takes its turn, are the nets
        modules |= {f"controls.{name}": net for name, net in modules.pop("controls").named_children()}
    if "image_prompts" in modules:  # they are called from inside the UNet, and so lie where it is
        modules.pop("image_prompts").to(placing.device)
    # Convolutions over channels-last tensors are about 15% faster on a CPU, and lose nothing.
    for name in ("unet", "vae") if driven else ("unet",):
        if name in modules:
            modules[name].to(memory_format=torch.channels_last)
    if placing.low_memory and not driven:
        held.enable_model_cpu_offload(device=placing.device)
    elif placing.low_memory:
        take_turns(modules, placing.device)
    if placing.tiled:
        tile_decoder(modules.get("vae"))
    if speed == "compile":
        compile_blocks(modules.get("unet") or modules.get("transformer"))


def take_turns(parts: Mapping[str, torch.nn.Module], device: torch.device) -> None:
    """Each of the parts goes to the device when it is called, and the one before it back to the host.

    accelerate's hooks do the same for whole pipelines; here a part may be called in any order and by `encode` and
    `decode` too, whose arguments are brought along.
    """
    here: list[torch.nn.Module] = []

    def taking_its_turn(part: torch.nn.Module, method: Callable[..., Any]) -> Callable[..., Any]:
        from accelerate.utils import send_to_device

        @wraps(method)
        def turn(*arguments: Any, **options: Any) -> Any:
            if part not in here:
                for other in here:
                    other.to("cpu")
                here[:] = [part]
                give_back(device)
                part.to(device)
            return method(*send_to_device(arguments, device), **send_to_device(options, device))

        return turn

    for part in parts.values():
        for name in _MAKES_OWN_SENSE:
            if hasattr(part, name):
                setattr(part, name, taking_its_turn(part, getattr(part, name)))


def tile_decoder(vae: Any) -> None:
    """The decoder works on tiles, and on one picture at a time, where it knows how."""
    for name in ("enable_tiling", "enable_slicing"):
        if hasattr(vae, name):
            getattr(vae, name)()


def compile_blocks(denoiser: Any) -> None:
    """The denoiser's repeated block is compiled once, for any number of rows, and used for all of them.

    Regional compilation starts many times faster than compiling the whole denoiser. Raises ModelError for a
    denoiser that names no repeated blocks.
    """
    if not getattr(denoiser, "_repeated_blocks", None):
        raise ModelError(
            f"{type(denoiser).__name__} does not say which of its blocks repeat, so it cannot be compiled by region: "
            "leave speed out."
        )
    # One graph for all batch sizes: ticks have as many rows as there are asks.
    denoiser.compile_repeated_blocks(fullgraph=True, dynamic=True)
