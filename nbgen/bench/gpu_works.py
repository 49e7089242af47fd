"""The works that the GPU benchmark measures: grids, the stock pipeline, compiling, and memory that runs out."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch

from ..engine.observer import Observer
from ..models.base import Model
from ..models.loading import load
from ..models.placing import compile_blocks
from .timing import seconds

SAMPLERS: dict[str, str] = {
    "ddim": "DDIMScheduler",
    "euler": "EulerDiscreteScheduler",
    "dpm++2m": "DPMSolverMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
}
SEEDS = (0, 1, 2, 3)
PROMPT = "a lighthouse"
GUIDANCE = 7.5


@dataclass(frozen=True)
class Compiled:
    """Seconds of a grid as it is, of the first compiled one, which compiles, and of the next."""

    plain: float
    first: float
    second: float

    @property
    def breaks_even(self) -> float | None:
        """After how many grids compiling has paid for itself; None where it never does."""
        gain = self.plain - self.second
        return (self.first - self.second) / gain if gain > 0 else None


def recipes(
    model: Model, steps: int, size: tuple[int, int], guidance: float = GUIDANCE, samplers: Sequence[str] = ()
) -> list[Any]:
    with model.settled():  # as every verb does: the weights are looked at once, not once a cell
        return [
            model.resolve(
                prompt=PROMPT, sampler=sampler, seed=seed, steps=steps, size=size, guidance=guidance
            )
            for sampler in samplers or SAMPLERS
            for seed in SEEDS
        ]


def run(model: Model, wanted: Sequence[Any]) -> list[np.ndarray]:
    """The pictures in order; RuntimeError where one fails."""
    failed: list[Exception] = []

    class Watching(Observer):
        def failed(self, index: int, error: Exception) -> None:
            failed.append(error)

    made = dict(model.run(wanted, Watching()))
    if failed:
        raise RuntimeError(f"a picture of the benchmark failed: {failed[0]}")
    return [np.asarray(made[index]) for index in range(len(wanted))]


def unguided_share(model: Model, steps: int, size: tuple[int, int], repeats: int) -> float:
    """The denoiser's time for pictures without guidance, as a part of that for as many guided ones, at full batches."""

    def forward(guidance: float) -> float:
        times = []
        for _ in range(repeats):
            run(model, recipes(model, steps, size, guidance))
            times.append(model.last_stats.forward)
        return median(times)

    forward(1.0)
    return forward(1.0) / forward(GUIDANCE)


def compiled(pipe: Any, *, steps: int, size: tuple[int, int]) -> Compiled:
    """A grid of one sampler as it is, then compiled by region; the pipeline stays compiled."""
    model = load(pipe)
    wanted = recipes(model, steps, size, samplers=("ddim",))
    run(model, wanted)
    plain = min(seconds(lambda: run(model, wanted)) for _ in range(2))
    compile_blocks(pipe.unet)
    first = seconds(lambda: run(model, wanted))
    return Compiled(plain, first, min(seconds(lambda: run(model, wanted)) for _ in range(2)))


def out_of_memory(model: Model, steps: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """(times memory ran out, pictures finished, bytes before, bytes after) with too little memory on purpose."""
    wanted = recipes(model, max(2, steps // 4), size)
    in_use(model)
    before = in_use(model)
    with too_little(model, wanted):
        pictures = run(model, wanted)
    return model.last_stats.out_of_memory, len(pictures), before, in_use(model)


@contextlib.contextmanager
def too_little(model: Model, wanted: Sequence[Any]) -> Iterator[None]:
    """Inside, a full batch does not fit: a lower limit for this process on a GPU, a refusing denoiser elsewhere."""
    if model.device.type == "cuda":
        needed = peak(lambda: run(model, wanted)) or 0
        held = torch.cuda.memory_allocated(model.device)
        total = torch.cuda.get_device_properties(model.device).total_memory
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction((held + (needed - held) * 0.6) / total, model.device)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, model.device)
        return
    denoiser: Any = model.denoiser  # type: ignore[attr-defined]
    forward = denoiser.forward

    def refusing(sample: Any, *arguments: Any, **options: Any) -> Any:
        if len(sample) > 4:
            raise torch.OutOfMemoryError("out of memory, on purpose")
        return forward(sample, *arguments, **options)

    denoiser.forward = refusing
    try:
        yield
    finally:
        denoiser.forward = forward


def in_use(model: Model) -> int:
    """Bytes of GPU memory in use; elsewhere those of all tensors that are alive."""
    gc.collect()
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)
        torch.cuda.empty_cache()
        return int(torch.cuda.memory_allocated(model.device))
    kinds = (torch.Tensor, torch.nn.Parameter)
    return sum(each.untyped_storage().nbytes() for each in gc.get_objects() if type(each) in kinds)


def peak(work: Callable[[], object]) -> int | None:
    """The most GPU memory in use while `work` runs; None without a GPU."""
    if not torch.cuda.is_available():
        work()
        return None
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    work()
    return int(torch.cuda.max_memory_allocated())


class Stock:
    """diffusers' own pipeline, its scheduler changed as anybody would."""

    def __init__(self, pipe: Any, steps: int, size: tuple[int, int]) -> None:
        import diffusers

        # A pipeline of its own around the same weights: the one that nbgen holds keeps its scheduler.
        self._pipe = type(pipe)(**pipe.components, **_without_checker(pipe))
        self._pipe.set_progress_bar_config(disable=True)
        self._steps, self._size = steps, size
        trained = pipe.scheduler.config
        self._schedulers = {
            name: getattr(diffusers, scheduler).from_config(trained) for name, scheduler in SAMPLERS.items()
        }

    def draw(self, sampler: str, seeds: Sequence[int]) -> list[np.ndarray]:
        """A picture for each seed, uint8 (height, width, 3)."""
        self._pipe.scheduler = self._schedulers[sampler]
        made = self._pipe(
            [PROMPT] * len(seeds), num_inference_steps=self._steps, guidance_scale=GUIDANCE, width=self._size[0],
            height=self._size[1], generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        )  # fmt: skip
        return [np.asarray(image) for image in made.images]


def _without_checker(pipe: Any) -> dict[str, Any]:
    return (
        {"requires_safety_checker": False}
        if "safety_checker" in pipe.components
        else {"add_watermarker": False}
    )
