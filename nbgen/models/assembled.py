"""Models made of a pipeline's parts (text encoders, denoiser, autoencoder): what all such families do alike."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..engine.asks import Conditioning
from ..engine.footprint import bytes_of
from ..engine.trajectory import is_guided
from ..recipe import Mix, ModelRef, Recipe
from ..sampling import BY_NAME
from .agreement import cosines
from .attention_mixing import in_attention
from .emphasis import unweighted
from .fingerprint import of_tensors, switches
from .glimpses import TinyPreview
from .pictured import PicturedModel
from .reading import Reader, texts, unread
from .safety import checker_of
from .vocabulary import Vocabulary
from .words import conditioning

MOST_SIDE = 4096


class AssembledModel(PicturedModel):
    """A latent-diffusion model made of parts that carry the names diffusers' pipelines give them.

    pipe: a pipeline, or the parts as an object; it is read and never changed
    ref: which weights these are, or None to take a checksum over the tensors, again before every run

    A family supplies `encode` (words to tensors), `inputs` (what else a row is conditioned on), `forward`,
    `readers`, `own_defaults`, and the multiple that its sizes must be of.
    """

    denoiser_part = "unet"
    _preview: TinyPreview | None = None
    weighed_parts: tuple[str, ...] = ("unet", "text_encoder", "vae")
    """The parts that hold weights; those a pipeline lacks are passed over."""

    def __init__(
        self,
        pipe: Any,
        ref: ModelRef | None = None,
        *,
        name: str = "your pipeline",
        vocabulary: Vocabulary | None = None,
        defaults: Mapping[str, Any] | None = None,
        rows: int | None = None,
    ) -> None:
        self._pipe = pipe
        self._scale = 2 ** (len(pipe.vae.config.block_out_channels) - 1)
        self.examine()
        self._handed_over = ref is None
        self._name = name
        self._dtype = self.denoiser.dtype
        self.vocabulary = vocabulary
        self._given_defaults = dict(defaults or {})
        self.trained = dict(pipe.scheduler.config)
        super().__init__(self._named(ref) if ref else self._checksum(), self.denoiser.device, rows=rows)

    # What a family supplies.

    def examine(self) -> None:
        """Looks at the parts, before anything else: which fields they have. Raises ModelError for unfit ones."""

    def encode(self, prompt: str | None) -> dict[str, Tensor]:
        """What the denoiser is given of a prompt, by name, without a batch dimension; None: no negative prompt."""
        raise NotImplementedError

    def reads(self, recipe: Recipe) -> tuple[Callable[[str | None], dict[str, Tensor]], Hashable]:
        """What encodes this recipe's words, and a name for that way of reading: None for `encode`."""
        return self.encode, None

    def inputs(self, recipe: Recipe) -> tuple[Hashable, dict[str, Tensor]]:
        """What a row is given beside words, under a name that equal inputs share."""
        return (), {}

    def readers(self) -> list[Reader]:
        """The text encoders, each with the number of tokens it reads."""
        raise NotImplementedError

    def called(self) -> str:
        """The family, as recipes tell it; where another pipeline of diffusers takes the same parts, that one's."""
        return self.family

    def own_defaults(self) -> dict[str, Any]:
        """What suits this family; the sampler that came with the model is known already."""
        raise NotImplementedError

    def size_multiple(self) -> int:
        """Pixels that each side must be a multiple of."""
        raise NotImplementedError

    def most_side(self) -> int:
        """The longest side in pixels."""
        return MOST_SIDE

    # What they share.

    @property
    def denoiser(self) -> Any:
        """The UNet or the transformer."""
        return getattr(self._pipe, self.denoiser_part)

    @property
    def autoencoder(self) -> Any:
        return self._pipe.vae

    @property
    def preview(self) -> TinyPreview | None:
        """What shows pictures while they are made, where a tiny autoencoder was given; None: colours fitted on the fly.

        Set it to a folder with an AutoencoderTiny (TAESD and its siblings), to such an object, or to None.
        """
        return self._preview

    @preview.setter
    def preview(self, given: Any) -> None:
        channels = int(self._pipe.vae.config.latent_channels)
        self._preview = None if given is None else TinyPreview(given, channels, self.device)

    def agreement(self, pixels: Sequence[np.ndarray], prompts: Sequence[str]) -> Sequence[float] | None:
        clip = getattr(self._pipe, "clip_model", None)
        return None if clip is None else cosines(clip, self._pipe.tokenizer, pixels, prompts)

    def weights(self) -> int:
        held = [part for _, part in self._weighed()]
        eye = getattr(self._pipe, "clip_model", None)
        return bytes_of(held if eye is None or any(part is eye for part in held) else [*held, eye])

    @property
    def ref(self) -> ModelRef:
        """Which weights these are now: a pipeline that was handed over may have been trained meanwhile."""
        if self._handed_over and not self._settled:
            found = self._checksum()
            if found != self._ref:
                self._ref = found
                self._encodings.clear()
        return self._ref

    @property
    def defaults(self) -> dict[str, Any]:
        return {
            **sampling_of(self._pipe.scheduler, self.kind),
            **self.own_defaults(),
            **self._given_defaults,
        }

    def notes(self, recipe: Recipe) -> tuple[str, ...]:
        """Unknown words, and words past the encoders' limit, which they drop with only a log line."""
        found, weighted = [], recipe.words == "weighted"
        for prompt in texts(recipe.prompt):
            said = unweighted(prompt) if weighted else prompt
            found += [self.vocabulary.note(said) if self.vocabulary else None]
        if not weighted:  # those are read in as many chunks as they take
            found += [unread(prompt, self.readers()) for prompt in texts(recipe.prompt)]
            found += [unread(prompt, self.readers(), "negative prompt") for prompt in texts(recipe.negative)]
        return (*(note for note in found if note), *super().notes(recipe))

    def reading(self, prompt: str) -> str:
        """How many tokens a prompt takes of those that are read, and the words a small model does not know."""
        used, room = max((reader.count(prompt) for reader in self.readers()), key=lambda count: count[1])
        note = self.vocabulary.note(prompt) if self.vocabulary else None
        return f"{used} of {room} tokens" + (f". {note}" if note else "")

    def is_called(self, *words: str) -> bool:
        """Whether one of the words stands in the name the model came under."""
        config = getattr(self._pipe, "config", {})
        # The last part only: a folder above may be called anything.
        names = (self._name, self._ref.name, str(config.get("_name_or_path", "")).replace("\\", "/"))
        name = " ".join(each.rstrip("/").rpartition("/")[2] for each in names).lower()
        return any(re.search(rf"(?<![a-z]){word}(?![a-z])", name) for word in words)

    def latent_shape(self, recipe: Recipe) -> tuple[int, ...]:
        assert recipe.size is not None
        width, height = recipe.size
        return int(self._pipe.vae.config.latent_channels), height // self._scale, width // self._scale

    def condition(self, recipe: Recipe) -> tuple[Conditioning, Conditioning]:
        name, tensors = self.inputs(recipe)
        encode, way = self.reads(recipe)

        def read(prompt: str | Mix | None) -> Conditioning:
            return conditioning(prompt, encode, self._encodings, way)

        positive = read(recipe.prompt or "")
        negative = read(self.unwanted(recipe)) if is_guided(recipe) else positive
        found = _with(positive, name, tensors), _with(negative, name, tensors)
        if recipe.mixing is None:
            return found

        def encoded(prompt: str) -> dict[str, Tensor]:
            return read(prompt).tensors

        return (
            in_attention(found[0], recipe.prompt, encoded),
            in_attention(found[1], self.unwanted(recipe) if is_guided(recipe) else recipe.prompt, encoded),
        )

    def unwanted(self, recipe: Recipe) -> str | Mix | None:
        """What the negative rows read; most families read no negative prompt as an empty one."""
        return recipe.negative or ""

    def rows_of(self, conditionings: Sequence[Conditioning], key: str) -> Tensor:
        """One of the tensors that the rows are conditioned on, (rows, …), as the denoiser takes it."""
        return torch.stack([each.tensors[key] for each in conditionings]).to(self.device, self._dtype)

    def settings(self) -> dict[str, str]:
        """What changes pictures and is no tensor."""
        config = self._pipe.scheduler.config
        found = {key: str(value) for key, value in config.items() if not key.startswith("_")}
        words = getattr(self._pipe, "embedded_words", ())
        switched = {part: switches(held) for part, held in self._weighed()}
        found |= {part: str(each) for part, each in switched.items() if each}
        if checker_of(self._pipe) is not None:
            found["safety_checker"] = "asked"  # what it would blank is not to be found in the store
        return {**found, "embedded_words": str(words)} if words else found

    def _checksum(self) -> ModelRef:
        dtype = str(self._dtype).removeprefix("torch.")
        return self._named(ModelRef(self._name, of_tensors(self._tensors(), self.settings()), dtype))

    def _named(self, ref: ModelRef) -> ModelRef:
        """With the family, where it is not the one that is meant where nothing is said, and what it was given."""
        family = None if self.family == "sd" else self.called()
        return dataclasses.replace(ref, family=family, beside=getattr(self._pipe, "beside", ()))

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        for part, held in self._weighed():
            for name, tensor in held.state_dict().items():
                yield f"{part}.{name}", tensor

    def _weighed(self) -> Iterator[tuple[str, Any]]:
        """The parts that hold weights, by name."""
        for part in self.weighed_parts:
            held = getattr(self._pipe, part, None)
            if held is not None:
                yield part, held


def _with(found: Conditioning, name: Hashable, tensors: dict[str, Tensor]) -> Conditioning:
    return Conditioning((found.name, name), {**found.tensors, **tensors}) if tensors else found


def sampling_of(scheduler: Any, kind: str) -> dict[str, Any]:
    """The sampler that came with the model, under nbgen's name, and its usual number of steps."""
    config = scheduler.config
    stochastic = config.get("algorithm_type") == "sde-dpmsolver++"
    for sampler in BY_NAME.values():
        if sampler.unavailable(kind) or ("sde" in sampler.name) != stochastic:
            continue
        if sampler.scheduler_class(kind).__name__ == type(scheduler).__name__:
            curve = next(
                (
                    name
                    for name in sampler.schedules_for(kind)
                    if config.get(f"use_{name}_sigmas") or config.get(f"use_{name}_lambdas")
                ),
                None,
            )
            return {"sampler": sampler.name, "schedule": curve, "steps": 8 if sampler.distilled else 30}
    return {"sampler": "euler" if kind == "flow" else "dpm++2m", "steps": 25}
