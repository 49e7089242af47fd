"""Single values of a recipe, mixtures and recipe texts: nonsense is refused in a sentence, whatever its size."""

from __future__ import annotations

import numpy as np
import pytest

from nbgen.errors import RecipeError
from nbgen.recipe import Mix, Recipe

HUGE = 10**5000  # Python refuses to write it out


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": HUGE}, {"guidance": HUGE}, {"size": (HUGE, 1)}, {"steps": HUGE}, {"options": {"a": HUGE}},
        {"seed": 10**400}, {"words": np.zeros(3)}, {"words": ["plain"]},
    ],
)  # fmt: skip
def test_values_out_of_all_bounds_are_refused_in_a_short_sentence(fields) -> None:
    with pytest.raises(RecipeError) as refused:
        Recipe(**fields)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(
    "part", [1, "a", (1,), (1, 2, 3), None, {"a": 1}, (1, None), (1e200, "a"), (HUGE, "a")]
)
def test_a_mix_is_made_of_pairs(part) -> None:
    with pytest.raises(RecipeError):
        Mix.of((1, "a"), part)


def test_a_mix_takes_numpy_seeds_as_the_whole_numbers_they_are() -> None:
    assert Mix.of((1, np.int64(3)), (1, 4)) == Mix.of((1, 3), (1, 4))
    with pytest.raises(RecipeError, match=r"Mix\.of"):
        Mix(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [None, 3, ["{}"]])
def test_a_recipe_is_read_from_text(text) -> None:
    with pytest.raises(RecipeError, match="read from text"):
        Recipe.from_json(text)
