"""How diffusers' pipelines of each family are called: the words that differ from one to the next, as code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..engine.trajectory import is_guided
from ..errors import RecipeError
from ..recipe import Mix, Recipe


@dataclass(frozen=True)
class Dialect:
    """One pipeline class. `encode` is the line that turns `text` into `words`, and into `pooled` where it has that."""

    pipeline: str
    encode: str
    kind: str = "diffusion"
    pooled: bool = True
    rescales: bool = False
    packed: bool = False

    @property
    def channels(self) -> str:
        """The expression for the channels of a latent."""
        return (
            "pipe.unet.config.in_channels" if self.kind == "diffusion" else "pipe.vae.config.latent_channels"
        )

    def words(self, recipe: Recipe) -> tuple[list[str], list[str]]:
        """Lines that encode mixtures, and the arguments that hand prompt and negative prompt over."""
        lines: list[str] = []
        arguments: list[str] = []
        for stem, value in (("", recipe.prompt), ("negative_", recipe.negative)):
            if isinstance(value, Mix):
                lines += self._mixed(stem, value)
                arguments.append(f"{stem}prompt_embeds={stem}words")
                arguments += [f"{stem}pooled_prompt_embeds={stem}pooled"] if self.pooled else []
            elif value is not None:
                arguments.append(f"negative_prompt={value!r}" if stem else repr(value))
        if not lines:
            return [], arguments
        found = "words, pooled" if self.pooled else "words"
        length = "".join(f", {name}={value}" for name, value in self._length(recipe).items())
        encode = self.encode.replace(")", f"{length})", 1)
        return ["", "def encode(text):", f"    {encode}", f"    return {found}", "", *lines], arguments

    def _length(self, recipe: Recipe) -> dict[str, int]:
        """Padding is read, and FLUX.1 schnell was trained on half as much of it as its pipeline's default."""
        return {"max_sequence_length": 256} if _is_schnell(self, recipe) else {}

    def _mixed(self, stem: str, value: Mix) -> list[str]:
        if not self.pooled:
            terms = " + ".join(f"{weight!r} * encode({text!r})" for weight, text in value.parts)
            return [f"{stem}words = {terms}"]
        pairs = ", ".join(f"({weight!r}, *encode({text!r}))" for weight, text in value.parts)
        return [
            f"encoded = [{pairs}]",
            f"{stem}words = sum(weight * words for weight, words, _ in encoded)",
            f"{stem}pooled = sum(weight * pooled for weight, _, pooled in encoded)",
        ]

    def guiding(self, recipe: Recipe) -> dict[str, Any]:
        """The arguments that guidance stands in."""
        if recipe.guidance_rescale and not self.rescales:
            raise RecipeError(
                f"diffusers' {self.pipeline} has no guidance_rescale: this recipe is nbgen's alone."
            )
        scale: dict[str, Any] = {"guidance_scale": recipe.guidance}
        if self.pipeline == "FluxFillPipeline" and is_guided(recipe):
            raise RecipeError(
                "diffusers' FluxFillPipeline has no true guidance: this recipe is nbgen's alone."
            )
        if self.packed:
            scale = {} if recipe.distilled_guidance is None else {"guidance_scale": recipe.distilled_guidance}
            scale |= {"true_cfg_scale": recipe.guidance} if is_guided(recipe) else {}
            return {**scale, **self._length(recipe)}
        if recipe.distilled_guidance is not None:
            if is_guided(recipe):
                raise RecipeError(
                    "diffusers' pipeline does not guide a model that takes guidance as an input: this recipe is "
                    "nbgen's alone."
                )
            scale = {"guidance_scale": recipe.distilled_guidance}
        return scale | ({"guidance_rescale": recipe.guidance_rescale} if recipe.guidance_rescale else {})

    def scheduling(self, recipe: Recipe, scheduler: str, changes: dict[str, Any]) -> list[str]:
        """The arguments of the scheduler's `from_config`, those first that hold for every recipe of the family."""
        given = [f"{name}={value!r}" for name, value in changes.items()]
        if self.kind != "flow" or "use_flow_sigmas" not in changes:
            if self.packed and scheduler != "FlowMatchEulerDiscreteScheduler":
                raise RecipeError(
                    f"diffusers' {self.pipeline} hands its scheduler sigmas, which {scheduler} does not take."
                )
            return given
        shift = [] if "flow_shift" in changes else ["flow_shift=pipe.scheduler.config.shift"]
        if _is_schnell(self, recipe):
            shift = ["use_dynamic_shifting=True"]
        return [*given, *shift]

    def afterwards(self, recipe: Recipe, changes: dict[str, Any]) -> list[str]:
        """Lines that follow the scheduler's construction."""
        if not _is_schnell(self, recipe) or "use_flow_sigmas" not in changes:
            return []
        # The pipeline always hands over a shift by size, which DPM++ takes only where it is switched on.
        return ["pipe.scheduler.register_to_config(base_shift=0.0, max_shift=0.0)  # schnell has no shift"]


def _is_schnell(dialect: Dialect, recipe: Recipe) -> bool:
    return dialect.pipeline == "FluxPipeline" and recipe.distilled_guidance is None


DIALECTS = {
    "sd": Dialect(
        "StableDiffusionPipeline",
        'words = pipe.encode_prompt(text, "cpu", 1, False)[0]',
        pooled=False,
        rescales=True,
    ),
    "sdxl": Dialect(
        "StableDiffusionXLPipeline",
        "words, _, pooled, _ = pipe.encode_prompt(text, do_classifier_free_guidance=False)",
        rescales=True,
    ),
    "flux": Dialect("FluxPipeline", "words, pooled, _ = pipe.encode_prompt(text)", kind="flow", packed=True),
    "flux-fill": Dialect(
        "FluxFillPipeline", "words, pooled, _ = pipe.encode_prompt(text)", kind="flow", packed=True
    ),
    "sd3": Dialect(
        "StableDiffusion3Pipeline",
        "words, _, pooled, _ = pipe.encode_prompt(text, None, None, do_classifier_free_guidance=False)",
        kind="flow",
    ),
}
"""Family → its pipeline."""


def dialect_of(recipe: Recipe) -> Dialect:
    """The dialect of the family that the recipe's model is of. Raises RecipeError for one that has none."""
    family = (recipe.model.family if recipe.model is not None else None) or "sd"
    if family not in DIALECTS:
        raise RecipeError(
            f"nbgen writes diffusers code for {', '.join(each.pipeline for each in DIALECTS.values())}, "
            f"not for {family:.60}: that pipeline is called as its documentation says."
        )
    return DIALECTS[family]
