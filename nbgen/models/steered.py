"""What steers a UNet beside words: ControlNets and adapters, for the families that have both."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from torch import Tensor

from ..errors import RecipeError
from ..inputs import control_blobs, fitting_size, size_of
from ..recipe import Recipe
from . import controlnets
from .adapted import AdaptedModel
from .seamless import Group
from .words import Encodings


class SteeredModel(AdaptedModel):
    """A model with a UNet that takes control pictures, where it was given ControlNets."""

    weighed_parts: tuple[str, ...] = (
        "unet", "text_encoder", "vae", "controlnet", "controls", "image_prompts", "image_encoder",
    )  # fmt: skip

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._control_pictures = Encodings()
        super().__init__(*arguments, **options)

    @property
    def nets(self) -> dict[str, Any]:
        """The ControlNets by name."""
        return controlnets.nets_of(self._pipe)

    def examine(self) -> None:
        controlnets.check_nets(self._pipe.unet, self.nets)
        if self.nets:
            self.fields = self.fields | {"control"}

    def resolve(self, **fields: Any) -> Recipe:
        """As every model's; control pictures become hashes, and the first gives the size where nothing else does."""
        if fields.get("control") and self.nets:
            control = control_blobs(fields["control"])
            fields = {**fields, "control": control}
            if fields.get("size") is None and fields.get("image") is None:
                fields["size"] = fitting_size(
                    size_of(next(iter(control.values()))[0]), self.defaults["size"], self.size_multiple(),
                    self.most_side(),
                )  # fmt: skip
        return super().resolve(**fields)

    def check(self, recipe: Recipe) -> Recipe:
        if recipe.control:
            recipe = recipe.replace(control=controlnets.checked(recipe.control, self.nets))
        if recipe.control and recipe.windows is not None:
            raise RecipeError(
                "a ControlNet sees a picture as a whole, and not through windows: leave one of control and windows out."
            )
        return super().check(recipe)

    def notes(self, recipe: Recipe) -> tuple[str, ...]:
        return (*super().notes(recipe), *controlnets.notes(recipe))

    def group(self, recipe: Recipe) -> Hashable:
        shared = super().group(recipe)
        assert isinstance(shared, Group)
        return shared._replace(control=tuple(name for name, _ in recipe.control))

    def inputs(self, recipe: Recipe) -> tuple[Hashable, dict[str, Tensor]]:
        if not recipe.control:
            return (), {}
        return (recipe.control, recipe.size), controlnets.tensors_of(recipe, self._control_pictures)

    def used_nets(self, group: Hashable) -> dict[str, Any]:
        """The ControlNets that the rows of this group have pictures for."""
        names = group.control if isinstance(group, Group) else ()
        return {name: net for name, net in self.nets.items() if name in names}

    def forget_what_it_read(self) -> None:
        super().forget_what_it_read()
        self._control_pictures.clear()
