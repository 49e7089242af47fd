"""Models whose recipes may have an `image_prompt`: pictures that are looked at beside the words, by IP-Adapters."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..engine.asks import Conditioning
from ..errors import RecipeError, brief, did_you_mean
from ..inputs import ALONE, is_hash, opened, prompt_pictures, size_of
from ..recipe import Options, Recipe
from ..values import as_weight
from .image_prompts import ImagePrompt, can_look, own_prompts, tokens_of, weight_of
from .seamless import Group
from .steered import SteeredModel
from .words import Encodings


class PromptedModel(SteeredModel):
    """A model with a UNet that looks at pictures, where it has an IP-Adapter."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._looks = Encodings()
        super().__init__(*arguments, **options)

    @property
    def prompts(self) -> dict[str, ImagePrompt]:
        """The IP-Adapters by name: those the pipeline came with, and those given to `nbgen.load`."""
        own = own_prompts(self._pipe) if can_look(self._pipe.unet) else {}
        return {**own, **dict(getattr(self._pipe, "image_prompts", None) or {})}

    def examine(self) -> None:
        super().examine()
        self.prompt_names = tuple(self.prompts)
        if self.prompt_names:
            self.fields = self.fields | {"image_prompt"}

    def resolve(self, **fields: Any) -> Recipe:
        """As every model's; pictures become hashes, and one without a name is for the model's only IP-Adapter."""
        if fields.get("image_prompt") is not None and self.prompt_names:
            found = prompt_pictures(fields["image_prompt"])
            if ALONE in found:
                if len(self.prompt_names) > 1:
                    raise RecipeError(
                        f"this model has the IP-Adapters {', '.join(map(repr, self.prompt_names))}: say whose picture "
                        f"it is, as in image_prompt={{{self.prompt_names[0]!r}: picture}}."
                    )
                found = {self.prompt_names[0]: found[ALONE]}
            fields = {**fields, "image_prompt": found}
        return super().resolve(**fields)

    def check(self, recipe: Recipe) -> Recipe:
        if recipe.image_prompt:
            recipe = recipe.replace(image_prompt=_checked(recipe.image_prompt, self.prompt_names))
        return super().check(recipe)

    def group(self, recipe: Recipe) -> Hashable:
        shared = super().group(recipe)
        assert isinstance(shared, Group)
        return shared._replace(image_prompt=tuple(name for name, _ in recipe.image_prompt))

    def condition(self, recipe: Recipe) -> tuple[Conditioning, Conditioning]:
        """The rows with guidance look at the recipe's pictures, those without at none, as in diffusers' pipelines."""
        positive, negative = super().condition(recipe)
        if not recipe.image_prompt:
            return positive, negative
        prompts = self.prompts
        looked: dict[str, Tensor] = {}
        blank: dict[str, Tensor] = {}
        for name, (picture, weight) in recipe.image_prompt:
            for found, seen in ((looked, picture), (blank, None)):
                found[tokens_of(name)] = self._tokens(name, prompts[name], seen)
                found[weight_of(name)] = torch.tensor(float(weight))
        return _with(positive, recipe.image_prompt, looked), _with(
            negative, (recipe.image_prompt, None), blank
        )

    def used_prompts(self, group: Hashable) -> dict[str, ImagePrompt]:
        """The IP-Adapters that the rows of this group have pictures for."""
        names = group.image_prompt if isinstance(group, Group) else ()
        prompts = self.prompts if names else {}
        return {name: prompts[name] for name in names}

    def forget_what_it_read(self) -> None:
        super().forget_what_it_read()
        self._looks.clear()

    def _tokens(self, name: str, prompt: ImagePrompt, picture: Any) -> Tensor:
        """(tokens, width): what an adapter makes of a picture, of Σ wᵢ·eᵢ of several, or of None, a blank one."""

        def read() -> dict[str, Tensor]:
            parts = ((1.0, picture),) if picture is None or isinstance(picture, str) else picture
            seen = torch.stack([weight * self._seen(digest)[prompt.sight] for weight, digest in parts])
            total = sum(weight for weight, _ in parts)
            return {"tokens": prompt.tokens((seen.sum(0) / total)[None])[0]}

        return self._looks.get((name, picture), read)["tokens"]

    def _seen(self, digest: str | None) -> dict[str, Tensor]:
        """What the image encoder makes of a picture: its embedding (width,), and states (places, width).

        A blank one is no embedding at all, and the states of a picture of zeros.
        """
        encoder: Any = self._pipe.image_encoder

        def read() -> dict[str, Tensor]:
            size = encoder.config.image_size
            pixels = torch.zeros(1, 3, size, size)
            if digest is not None:
                pixels = self._preparing(size)(opened(digest), return_tensors="pt").pixel_values
            with torch.no_grad():
                found = encoder(pixels.to(encoder.device, encoder.dtype), output_hidden_states=True)
            embedding = found.image_embeds[0].float()
            return {
                "embedding": torch.zeros_like(embedding) if digest is None else embedding,
                "states": found.hidden_states[-2][0].float(),
            }

        return self._looks.get(digest, read)

    def _preparing(self, size: int) -> Any:
        """What turns a picture into the encoder's input: the pipeline's own, or the usual one."""
        own = getattr(self._pipe, "feature_extractor", None)
        if own is not None:
            return own
        # Of the two that transformers has, the one that resizes alike on every machine.
        from transformers import CLIPImageProcessorPil

        return CLIPImageProcessorPil(size=size, crop_size=size)


def _with(found: Conditioning, name: Hashable, tensors: Mapping[str, Tensor]) -> Conditioning:
    """A row, and what it becomes later, with more tensors."""
    then = None if found.then is None else _with(found.then, name, tensors)
    return dataclasses.replace(
        found, name=(found.name, name), tensors={**found.tensors, **tensors}, then=then
    )


def _checked(prompts: Options, names: tuple[str, ...]) -> Options:
    """A recipe's image prompts in canonical form: those without weight change nothing, and must not change the key.

    Raises RecipeError for a name that the model does not have, and PictureFileError for a picture that is gone.
    """
    found = []
    for name, value in prompts:
        if name not in names:
            known = did_you_mean(name, names) if names else "it has none."
            raise RecipeError(f"this model has no IP-Adapter {name!r:.60}: {known}")
        if not isinstance(value, tuple) or len(value) != 2:
            raise RecipeError(
                f"image_prompt[{name!r}] takes a picture, or (picture, weight), not {brief(value)}."
            )
        picture, weight = value[0], as_weight(f"the weight of image_prompt[{name!r}]", value[1])
        for digest in [picture] if isinstance(picture, str) else [each for _, each in picture]:
            if not is_hash(digest):
                raise RecipeError(f"image_prompt[{name!r}] holds the hash of a picture, not {brief(digest)}.")
            size_of(digest)  # raises where it is gone
        if not isinstance(picture, str) and sum(share for share, _ in picture) <= 0:
            raise RecipeError(
                f"the weights of the pictures in image_prompt[{name!r}] must sum to more than 0."
            )
        if weight:
            found.append((name, (picture, weight)))
    return tuple(found)
