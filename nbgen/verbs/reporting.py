"""A comparison as a methods paragraph and a table for a paper, in Markdown or LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..axes import label_of
from ..errors import ModelError, RecipeError, did_you_mean
from ..layout import Layout
from ..models.driven import DrivenModel
from ..models.loading import find
from ..picture import Picture
from ..recipe import FIELDS, ModelRef, Recipe
from ..sampling import BY_NAME
from .auditing import ends

KINDS = ("markdown", "latex")
_UNTOLD = frozenset({"seed", "model"})
"""Fields that have columns and sentences of their own."""


class Report(str):
    """Text that a notebook shows as Markdown, and that `print` shows as it is."""

    def _repr_markdown_(self) -> str:
        return str(self)


def report(layout: Layout, pictures: Mapping[int, Picture], kind: str) -> str:
    """Methods and settings of these pictures: versions, weights, calls, sigmas and seeds.

    kind: "markdown" or "latex" (the table needs the booktabs package). What comes from users is escaped.
    """
    if kind not in KINDS:
        raise RecipeError(
            f"a report comes as markdown or latex, not {kind!r:.40}: {did_you_mean(str(kind), KINDS)}"
        )
    made = [picture for _, picture in sorted(pictures.items()) if picture.recipe is not None]
    if not made:
        raise RecipeError("these pictures carry no recipes, so there is nothing to report on.")
    recipes = [picture.recipe for picture in made if picture.recipe is not None]
    shared, varying = _fields(recipes)
    escape = _markdown if kind == "markdown" else _latex
    head, rows = _settings(made, varying)
    paragraph = " ".join(_sentences(layout, made, len(pictures), shared, escape))
    table = _markdown_table(head, rows) if kind == "markdown" else _latex_table(head, rows)
    return Report(f"{paragraph}\n\n{table}\n") if kind == "markdown" else f"{paragraph}\n\n{table}\n"


def _fields(recipes: Sequence[Recipe]) -> tuple[dict[str, Any], list[str]]:
    """What all recipes have in common, neutral values left out, and the names of what differs."""
    neutral = Recipe()
    shared, varying = {}, []
    for name in FIELDS:
        values = {getattr(recipe, name) for recipe in recipes}
        if len(values) > 1 and name not in _UNTOLD:
            varying.append(name)
        elif len(values) == 1 and name not in _UNTOLD:
            value = values.pop()
            if value != getattr(neutral, name):
                shared[name] = value
    return shared, varying


def _sentences(
    layout: Layout,
    made: Sequence[Picture],
    there: int,
    shared: Mapping[str, Any],
    escape: Callable[[str], str],
) -> list[str]:
    # Sorted, as the store keeps them: pictures made now and before are told once.
    programs = dict.fromkeys(
        tuple(sorted(picture.cost.versions)) for picture in made if picture.cost.versions
    )
    with_ = "; ".join(", ".join(f"{name} {version}" for name, version in each) for each in programs)
    devices = sorted({picture.cost.device for picture in made if picture.cost.device})
    models = dict.fromkeys(
        picture.recipe.model for picture in made if picture.recipe and picture.recipe.model
    )
    axes = " × ".join(f"{each.title} ({len(each)})" for each in layout.axes)
    count = "1 picture was" if len(made) == 1 else f"{len(made)} pictures were"
    sentences = [f"{count} compared: {escape(axes)}." if axes else f"{count} made."]
    if models:
        named = ", ".join(
            f"{escape(ref.name)} (weights {_short(ref)}, {escape(ref.dtype)})"
            if ref.fingerprint
            else f"{escape(ref.name)} (weights unknown)"
            for ref in models
        )
        sentences.append(f"Model{'s' if len(models) > 1 else ''}: {named}.")
    if with_:
        on = f", on {' and '.join(map(escape, devices))}" if devices else ""
        sentences.append(f"Made with {escape(with_)}{on}.")
    if shared:
        same = ", ".join(f"{name.replace('_', ' ')} {label_of(value)}" for name, value in shared.items())
        sentences.append(f"The same in all: {escape(same)}.")
    for without, missing in (("no picture", len(layout.cells) - there), ("no recipe", there - len(made))):
        if missing:
            sentences.append(
                f"{missing} cell{' has' if missing == 1 else 's have'} {without} and no part in this."
            )
    if all(picture.recipe and picture.recipe.model and picture.recipe.model.fingerprint for picture in made):
        sentences.append(
            "Starting noise is drawn on the CPU from each picture's own seed, so equal seeds start from equal noise."
        )
    sentences.append("Calls are denoiser evaluations for one picture; a guided one counts once.")
    return sentences


def _short(ref: ModelRef) -> str:
    return ref.fingerprint[:12]


def _settings(made: Sequence[Picture], varying: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """A row for each distinct setting: what differs, calls, sigmas, spacing, seeds."""
    groups: dict[tuple[Any, ...], list[Picture]] = {}
    several = len({picture.recipe.model for picture in made if picture.recipe}) > 1
    names = ["model", *varying] if several else list(varying)
    for picture in made:
        groups.setdefault(tuple(getattr(picture.recipe, name) for name in names), []).append(picture)
    sampled = any(picture.recipe is not None and picture.recipe.sampler is not None for picture in made)
    head = [*(name.replace("_", " ") for name in names), "calls"]
    head += ["first σ", "last σ", "spacing"] if sampled else []
    rows = []
    for values, pictures in groups.items():
        recipe = pictures[0].recipe
        assert recipe is not None
        seeds = [picture.recipe.seed for picture in pictures if picture.recipe is not None]
        row = [*(label_of(value) for value in values), str(pictures[0].cost.calls or _calls(recipe))]
        rows.append([*row, *(_sigmas(recipe) if sampled else []), _ranges(seeds)])
    return [*head, "seeds"], rows


def _calls(recipe: Recipe) -> str:
    return str(BY_NAME[recipe.sampler].calls(recipe.steps)) if recipe.sampler and recipe.steps else "–"


def _sigmas(recipe: Recipe) -> list[str]:
    """First and last sigma and the spacing, where the model that made this is at hand to tell them."""
    try:
        model = find(recipe.model) if recipe.model is not None else None
    except ModelError:
        model = None
    if recipe.sampler is None or not isinstance(model, DrivenModel):
        return ["–", "–", "–"]
    first, last, spacing = ends(recipe, model)
    return [f"{first:.4g}", f"{last:.4g}", spacing or "–"]


def _ranges(seeds: Sequence[Any]) -> str:
    """Seeds in few words: 0–3, 7."""
    whole = sorted({seed for seed in seeds if isinstance(seed, int)})
    parts = [label_of(seed) for seed in dict.fromkeys(seeds) if not isinstance(seed, int)]
    runs: list[list[int]] = []
    for seed in whole:
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ", ".join([f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs] + parts)


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell if number == 1 else _markdown(cell) for cell in line) + " |"
        for number, line in enumerate(lines)
    )


def _latex_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [r"\begin{tabular}{" + "l" * len(head) + "}", r"\toprule"]
    lines += [" & ".join(map(_latex, head)) + r" \\", r"\midrule"]
    lines += [" & ".join(map(_latex, row)) + r" \\" for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _markdown(text: str) -> str:
    """The text so that Markdown, tables and the HTML in it read it as text."""
    return "".join(
        f"\\{character}" if character in _MARKDOWN else character for character in " ".join(text.split())
    )


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))


_MARKDOWN = frozenset("\\`*_{}[]()#!|~$<>&")
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "σ": r"$\sigma$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "–": "--",
}
