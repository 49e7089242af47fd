"""A recipe as code: the nbgen call, or plain diffusers code that makes the same picture without nbgen."""

from __future__ import annotations

import textwrap
from typing import Any

from ..engine.noise import noise_seed
from ..engine.schedule import ALWAYS, taken_by
from ..errors import RecipeError
from ..models.catalogue import EMBEDDED
from ..models.shipped import shipped_parts
from ..recipe import Mix, Recipe
from ..sampling import STEP_OPTIONS, check_sampling, find_sampler, find_schedule, scheduler_options
from .coding_pictures import pictured
from .coding_steering import steered
from .dialects import Dialect, dialect_of

_WIDTH = 100


def code(recipe: Recipe, kind: str = "nbgen") -> str:
    """Python that makes this picture: kind "nbgen" (one call) or "diffusers" (without nbgen).

    Raises RecipeError where diffusers' own pipeline cannot do what the recipe says.
    """
    if kind == "nbgen":
        return _nbgen(recipe)
    if kind == "diffusers":
        return _diffusers(recipe)
    raise RecipeError(f'code comes as "nbgen" or "diffusers", not {kind!r:.40}.')


def _nbgen(recipe: Recipe) -> str:
    arguments = []
    for name, value in recipe.written().items():
        if name in ("prompt", "model"):
            continue
        pairs = name in ("control", "adapters", "image_prompt", "style_mix", "direction", "options", "extra")
        arguments.append(f"{name}={_literal(dict(value) if pairs else value)}")
    control = None if recipe.model is None else shipped_parts(recipe.model)
    if recipe.model is not None:
        arguments.append(f"model={recipe.model.name!r}" if control == {} else "model=model")
    if recipe.prompt is not None:
        arguments.insert(0, _literal(recipe.prompt))
    lines = ["import nbgen", ""]
    if recipe.model is not None and control:
        lines.append(f"model = nbgen.load({recipe.model.name!r}, control={control!r})")
    elif recipe.model is not None and control is None:
        told = "".join(f", {kind}={name!r}" if name else f", {kind}" for kind, name in recipe.model.beside)
        lines += [
            f"model = ...  # nbgen.load the one called {recipe.model.name!r}{told and ', with' + told[1:]}"
        ]
    return "\n".join([*lines, _call("picture = nbgen.generate", arguments) + "[0]"]) + "\n"


def _diffusers(recipe: Recipe) -> str:
    dialect = dialect_of(recipe)
    _refuse_what_the_pipeline_lacks(recipe)
    assert recipe.sampler is not None and recipe.size is not None
    sampler, carried = find_sampler(recipe.sampler)
    schedule = find_schedule(recipe.schedule) or carried
    options = check_sampling(sampler, schedule, dict(recipe.options), dialect.kind)
    scheduler = sampler.scheduler_class(dialect.kind)
    changes = taken_by(scheduler, ALWAYS) if dialect.kind == "diffusion" else {}
    changes |= scheduler_options(sampler, schedule, options, dialect.kind)
    if sampler.scheduler == "DPMSolverSDEScheduler":
        changes["noise_sampler_seed"] = noise_seed(recipe.seed)
    eta = sampler.options(dialect.kind).get("eta")
    pictures = pictured(recipe, dialect)
    steering = steered(recipe, dialect, pictures.pipeline)
    imports = list(dict.fromkeys([*pictures.imports, *steering.imports]))
    size = {"width": recipe.size[0], "height": recipe.size[1]} if pictures.sized else {}
    calling = {"num_inference_steps": recipe.steps, **dialect.guiding(recipe), **size}
    if eta is not None and options.get("eta", eta) != 0:
        calling["eta"] = options.get("eta", eta)  # the pipeline would hand 0 to every scheduler that has one
    words, word_arguments = dialect.words(recipe)
    noise, noise_arguments = _noise(recipe, dialect)
    scheduling = dialect.scheduling(recipe, scheduler.__name__, changes)
    lines = [
        *(["import importlib.util"] if _is_shipped(recipe) else []),
        *[line for line in imports if line.startswith("import")],
        "import torch",
        f"from diffusers import {', '.join([*steering.classes, steering.pipeline, scheduler.__name__])}",
        *[line for line in imports if line.startswith("from")],
        "",
        *_folder(recipe),
        *steering.parts,
        _call(f"pipe = {steering.pipeline}.from_pretrained", ["folder", *steering.loading, *_dtype(recipe)]),
        _call(f"pipe.scheduler = {scheduler.__name__}.from_config", ["pipe.scheduler.config", *scheduling]),
        *dialect.afterwards(recipe, changes),
        *steering.loaded,
        *words,
        *noise,
        *pictures.before,
        *steering.before,
        _call(
            "image = pipe",
            [
                *word_arguments,
                *pictures.arguments,
                *steering.arguments,
                *(f"{name}={value!r}" for name, value in calling.items()),
                *noise_arguments,
            ],
        )
        + ".images[0]",
        *pictures.after,
    ]
    return "\n".join(lines) + "\n"


def _refuse_what_the_pipeline_lacks(recipe: Recipe) -> None:
    for name in ("guidance_interval", "truncation"):
        if getattr(recipe, name) is not None:
            raise RecipeError(
                f"diffusers' text-to-image pipeline has no {name}: this recipe is nbgen's alone."
            )
    if recipe.sampler is None:
        raise RecipeError("this recipe has no sampler: diffusers' pipelines cannot make its picture.")
    if recipe.inverted:
        raise RecipeError("diffusers' pipelines run no picture backwards: this recipe is nbgen's alone.")
    if recipe.words == "weighted":
        raise RecipeError(
            "diffusers' pipelines read brackets and numbers as words: this recipe is nbgen's alone. "
            'recipe.replace(words="plain") is the prompt read as it stands.'
        )
    if recipe.mixing is not None:
        raise RecipeError(
            "diffusers' pipelines mix no attention outputs: this recipe is nbgen's alone. "
            'recipe.replace(mixing="embedding") is the same mixture read as embeddings.'
        )
    missing = [name for name in ("prompt", "steps", "guidance", "size") if getattr(recipe, name) is None]
    if missing:
        raise RecipeError(
            f"this recipe leaves {', '.join(missing)} open, which nbgen fills in for a model: "
            "take the recipe of a picture, or model.resolve(…)."
        )
    churned = [name for name, _ in recipe.options if name in STEP_OPTIONS and name != "eta"]
    if churned:
        raise RecipeError(f"diffusers' pipeline does not hand {churned[0]} to its scheduler.")


def _is_shipped(recipe: Recipe) -> bool:
    return recipe.model is not None and recipe.model.name in EMBEDDED


def _folder(recipe: Recipe) -> list[str]:
    if _is_shipped(recipe):
        assert recipe.model is not None
        return [
            'nbgen = importlib.util.find_spec("nbgen").submodule_search_locations[0]  # where its files lie',
            f'folder = f"{{nbgen}}/assets/{recipe.model.name}"',
        ]
    name = recipe.model.name if recipe.model is not None else "the model"
    return [f"folder = ...  # where {name!r} lies, or its name on the hub"]


def _dtype(recipe: Recipe) -> list[str]:
    dtype = recipe.model.dtype if recipe.model is not None else "float32"
    return [] if dtype == "float32" else [f"torch_dtype=torch.{dtype}"]


def _noise(recipe: Recipe, dialect: Dialect) -> tuple[list[str], list[str]]:
    if not isinstance(recipe.seed, Mix):
        return [], [f"generator=torch.Generator().manual_seed({recipe.seed})"]
    assert recipe.size is not None
    squares = sum(weight * weight for weight, _ in recipe.seed.parts)
    lines = [
        "",
        "scale = pipe.vae_scale_factor",
        f"shape = (1, {dialect.channels}, {recipe.size[1]} // scale, {recipe.size[0]} // scale)",
        "",
        "def noise(seed):",
        "    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))",
        "",
        f"latents = ({_sum(recipe.seed, 'noise')}) / {squares!r} ** 0.5",
        *(["latents = pipe._pack_latents(latents, *shape)"] if dialect.packed else []),
        *(["latents = latents.to(pipe.dtype)"] if _dtype(recipe) else []),
    ]
    return lines, ["latents=latents", f"generator=torch.Generator().manual_seed({noise_seed(recipe.seed)})"]


def _sum(value: Mix, function: str) -> str:
    return " + ".join(f"{weight!r} * {function}({part!r})" for weight, part in value.parts)


def _literal(value: Any) -> str:
    if isinstance(value, Mix):
        return f"nbgen.Mix.of({', '.join(repr(part) for part in value.parts)})"
    return repr(value)


def _call(function: str, arguments: list[str]) -> str:
    """The call on one line where it fits, else its arguments wrapped."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= _WIDTH:
        return line
    body: list[str] = []
    row = ""
    for argument in arguments:
        if row and len(row) + len(argument) + 2 > _WIDTH - 4:
            body.append(row)
            row = ""
        row += ("" if not row else " ") + argument + ","
    return f"{function}(\n" + textwrap.indent("\n".join([*body, row]), "    ") + "\n)"
