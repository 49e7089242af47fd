"""Models whose weights adapters change for single pictures, and are back as they were after each call."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from ..engine.asks import Conditioning
from ..recipe import Options, Recipe
from . import adapters
from .assembled import AssembledModel
from .lora import ENCODERS, Lora, check_fits, read_lora
from .merging import Merging
from .seamless import Group
from .words import Encodings

MOST_READ = 16
"""Adapters of a model that are kept in memory."""


class AdaptedModel(AssembledModel):
    """An assembled model whose recipes may have `adapters`, which change its denoiser and its CLIP encoders."""

    fields = AssembledModel.fields | {"adapters"}

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._loras: OrderedDict[str, Lora] = OrderedDict()
        self._merging = {part: Merging() for part in (self.denoiser_part, *ENCODERS)}
        self._read_with: tuple[Options, Encodings] = (), Encodings()
        super().__init__(*arguments, **options)

    def resolve(self, **fields: Any) -> Recipe:
        """As every model's; files of adapters become hashes."""
        if fields.get("adapters"):
            fields = {**fields, "adapters": adapters.taken_in(fields["adapters"])}
        return super().resolve(**fields)

    def check(self, recipe: Recipe) -> Recipe:
        if recipe.adapters:
            recipe = recipe.replace(adapters=adapters.checked(recipe.adapters))
            for name, (digest, _) in recipe.adapters:
                self._lora(name, digest)  # raises where it is gone, or for another family
        return super().check(recipe)

    def group(self, recipe: Recipe) -> Hashable:
        shared = super().group(recipe)
        assert isinstance(shared, Group)
        return shared._replace(adapters=recipe.adapters)

    def condition(self, recipe: Recipe) -> tuple[Conditioning, Conditioning]:
        if not recipe.adapters:
            return super().condition(recipe)
        if self._read_with[0] != recipe.adapters:
            self._read_with = recipe.adapters, Encodings()
        own, self._encodings = self._encodings, self._read_with[1]
        try:
            with self.adapted(recipe.adapters, ENCODERS):
                return super().condition(recipe)
        finally:
            self._encodings = own

    @contextlib.contextmanager
    def adapted(self, chosen: Options, parts: Sequence[str] = ()) -> Iterator[None]:
        """Inside, these parts, or the denoiser, have the adapters merged in; {name: (hash, weight)} as pairs."""
        with contextlib.ExitStack() as stack:
            for part in (parts or (self.denoiser_part,)) if chosen else ():
                held = getattr(self._pipe, part, None)
                if held is not None:
                    name = self._ref.fingerprint, chosen
                    stack.enter_context(
                        self._merging[part].inside(held, part, name, lambda: self._weighted(chosen))
                    )
            yield

    def forget_what_it_read(self) -> None:
        super().forget_what_it_read()
        self._loras.clear()
        self._read_with = (), Encodings()
        for merging in self._merging.values():
            merging.forget()

    def _weighted(self, chosen: Options) -> list[tuple[float, Lora]]:
        return [(weight, self._lora(name, digest)) for name, (digest, weight) in chosen]

    def _lora(self, name: str, digest: str) -> Lora:
        if digest in self._loras:
            self._loras.move_to_end(digest)
            return self._loras[digest]
        found = read_lora(adapters.file_of(name, digest), self.family, self.denoiser)
        check_fits(name, found, self._pipe)
        self._loras[digest] = found
        while len(self._loras) > MOST_READ:
            self._loras.popitem(last=False)
        return found


def adapters_of(group: Hashable) -> Options:
    """The adapters that the rows of a group share."""
    return group.adapters if isinstance(group, Group) else ()
