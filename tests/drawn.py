"""Recipes and pictures for tests: every field, text as odd as Python allows, pixels of noise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from nbgen.picture import Picture
from nbgen.recipe import MAX_SEED, Mix, ModelRef, Recipe

# Surrogates, NUL, controls and newlines included: whatever a Python string can hold.
texts = st.text(st.characters(), max_size=60)
numbers = st.floats(allow_nan=False, allow_infinity=False)
seeds = st.integers(0, MAX_SEED)
hashes = st.text("0123456789abcdef", min_size=64, max_size=64)


def mixes(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    parts = st.lists(
        st.tuples(st.floats(0.001, 100), values), min_size=1, max_size=4, unique_by=lambda part: part[1]
    )
    return parts.map(lambda pairs: Mix.of(*pairs))


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | numbers | texts,
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=5,
)
options = st.dictionaries(texts, plain, max_size=3)
models = st.builds(ModelRef, texts, texts, st.sampled_from(["float32", "bfloat16"]), st.none() | texts)

recipes = st.builds(
    Recipe,
    prompt=st.none() | texts | mixes(texts),
    negative=st.none() | texts | mixes(texts),
    seed=seeds | mixes(seeds),
    model=st.none() | models,
    sampler=st.none() | texts,
    schedule=st.none() | texts,
    steps=st.none() | st.integers(1, 1000),
    guidance=st.none() | st.floats(0, 1000),
    guidance_interval=st.none() | st.tuples(st.floats(0, 0.4), st.floats(0.5, 1)),
    guidance_rescale=st.floats(0, 1),
    distilled_guidance=st.none() | st.floats(0, 1000),
    size=st.none() | st.tuples(st.integers(1, 65_536), st.integers(1, 65_536)),
    image=st.none() | hashes,
    strength=st.none() | st.floats(0, 1),
    mask=st.none() | hashes,
    control=options,
    adapters=options,
    truncation=st.none() | st.floats(0, 10),
    style_mix=options,
    direction=options,
    words=st.sampled_from(["plain", "weighted"]),
    tile=st.booleans(),
    options=options,
    extra=options,
)
"""Recipes with any value in any field."""


def noise(height: int = 64, width: int = 64, seed: int = 0) -> np.ndarray:
    """Pixels that no two seeds share: uint8, (height, width, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def made(prompt: Any = "a red apple", seed: int = 0, **fields: Any) -> Picture:
    """A picture whose pixels follow from its seed."""
    return Picture(noise(seed=seed), Recipe(prompt=prompt, seed=seed, **fields))


def seeds(pictures: Iterable[Picture]) -> list[Any]:
    """The seeds of pictures, in order."""
    return [picture.recipe.seed for picture in pictures if picture.recipe is not None]


def shades_apart(one: Any, other: Any) -> int:
    """The largest difference of a pixel, in 1/255. A batch of another size sums in another order: 1 is equal."""
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).max())
