"""Is mini-gan diverse, and does it draw what it is asked for?  Counted on pixels, with fixed seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nbgen.models.gan_files import read_gan
from nbgen.models.gan_projection import project
from nbgen.models.gan_styles import styles_of
from nbgen.models.styled_gan import StyledGenerator
from nbgen.recipe import Recipe
from nbgen.training.captions import write_caption
from nbgen.training.gan_measures import (
    colours,
    nearest_references,
    overlap,
    sharpness,
    silhouettes,
    spread,
)
from nbgen.training.pictures import BACKGROUNDS, World
from nbgen.training.sheets import contact_sheet

TRUNCATIONS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2)


def draw(model: StyledGenerator, recipes: Sequence[Recipe], batch: int = 64) -> np.ndarray:
    """Pictures of recipes, uint8 (n, 64, 64, 3), in batches and without the engine."""
    made = []
    for start in range(0, len(recipes), batch):
        styles = torch.stack([styles_of(model, recipe) for recipe in recipes[start : start + batch]])
        with torch.no_grad():
            made.append(model.decode(model.synthesis(styles)))
    return np.concatenate(made)


def draw_prompts(world: World, model: StyledGenerator, count: int, seed: int = 0) -> list[str]:
    """Prompts from the vocabulary: every other one a group, and of each kind every other one on a background."""
    random = np.random.default_rng(seed)
    prompts = []
    for number in range(count):
        ground = str(random.choice(list(BACKGROUNDS))) if number % 4 >= 2 else None
        if number % 2:
            words = f"any {random.choice(list(model.words.groups))}"
            prompts.append(words + (f" on a {ground} background" if ground else ""))
        else:
            prompts.append(write_caption(str(random.choice(world.names)), ground))
    return prompts


def evaluate_gan(
    folder: Path, world: World, device: torch.device, say: Callable[[str], None], out: Path | None = None,
    *, samples: int = 1000, prompts: int = 500, pairs: int = 200, projected: int = 10,
) -> dict[str, Any]:  # fmt: skip
    """Count on the exported model in `folder`: JSON-able figures. With `out`, a sheet of 100 is written there."""
    model = read_gan(folder, "mini-gan", device)
    figures = {
        **of_samples(model, world, samples, out),
        **of_prompts(model, world, prompts),
        **of_truncation(model),
        **of_mixing(model, pairs),
        **of_projection(model, world, projected),
        **of_speed(model),
    }
    for name, value in figures.items():
        say(f"{name}: {value}")
    return figures


def of_samples(model: StyledGenerator, world: World, count: int, out: Path | None) -> dict[str, Any]:
    """Pictures of no words: how many different objects they are nearest to, and how near."""
    made = draw(model, [Recipe(seed=seed, prompt="") for seed in range(count)])
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        contact_sheet(made[:100], columns=20).save(out / "sheet.png")
    thing, ground, far = nearest_references(made, world)
    real = model.decode(
        model.latents_of(world.compose(thing, [list(BACKGROUNDS.values())[g] for g in ground]))
    )
    return {
        "samples": count,
        "distinct nearest objects": len(set(thing.tolist())),
        "distinct nearest pictures": len(set(zip(thing.tolist(), ground.tolist(), strict=True))),
        "backgrounds": len(set(ground.tolist())),
        "distance to nearest, median": round(float(np.median(far)), 4),
        "distance to nearest, 10% to 90%": [round(float(q), 4) for q in np.quantile(far, (0.1, 0.9))],
        "sharpness": round(sharpness(made), 4),
        "sharpness of their references through the autoencoder": round(sharpness(real), 4),
    }


def of_prompts(model: StyledGenerator, world: World, count: int) -> dict[str, Any]:
    """Prompts drawn from the vocabulary: the nearest reference must be among what was asked for."""
    asked = draw_prompts(world, model, count)
    made = draw(model, [Recipe(seed=seed, prompt=prompt) for seed, prompt in enumerate(asked)])
    thing, ground, _ = nearest_references(made, world)
    allowed = [model.words.read(prompt) for prompt in asked]
    right = [place in things for place, (things, _) in zip(thing, allowed, strict=True)]
    grounds = [place in known for place, (_, known) in zip(ground, allowed, strict=True) if len(known) == 1]
    named = [answer for answer, (things, _) in zip(right, allowed, strict=True) if len(things) == 1]
    return {
        "prompts": count,
        "object or group right": int(np.sum(right)),
        "of these, named objects": f"{int(np.sum(named))} of {len(named)}",
        "background right": f"{int(np.sum(grounds))} of {len(grounds)}",
    }


def of_truncation(model: StyledGenerator, count: int = 96) -> dict[str, Any]:
    """How different pictures of other seeds are, by truncation, and Spearman's correlation of the two."""
    spreads = [
        spread(draw(model, [Recipe(seed=seed, prompt="", truncation=psi) for seed in range(count)]))
        for psi in TRUNCATIONS
    ]
    ranks = np.argsort(np.argsort(spreads))
    rho = float(np.corrcoef(ranks, np.arange(len(ranks)))[0, 1])
    return {
        "diversity by truncation": dict(
            zip(map(str, TRUNCATIONS), (round(s, 4) for s in spreads), strict=True)
        ),
        "Spearman": round(rho, 3),
    }


def of_mixing(model: StyledGenerator, pairs: int) -> dict[str, Any]:
    """What another seed's coarse, middle or fine styles change: the outline's overlap, and the colours."""
    plain = draw(model, [Recipe(seed=seed, prompt="") for seed in range(pairs)])
    outline, hues = silhouettes(plain), colours(plain)
    found: dict[str, Any] = {}
    for name, layers in model.ranges.items():
        mixed = draw(
            model,
            [
                Recipe(seed=seed, prompt="", style_mix=(("layers", tuple(layers)), ("seed", pairs + seed)))
                for seed in range(pairs)
            ],
        )
        found[name] = {
            "outline moved": round(float(1 - overlap(outline, silhouettes(mixed)).mean()), 4),
            "colours moved": round(float(np.abs(hues - colours(mixed)).sum(axis=1).mean() / 2), 4),
        }
    return {"pairs": pairs, "mixing": found}


def of_projection(model: StyledGenerator, world: World, count: int) -> dict[str, Any]:
    """Mean absolute error of projections of generated pictures, and of mirrored ones, which were never seen."""
    if not count:
        return {}
    made = draw(model, [Recipe(seed=5000 + seed, prompt="") for seed in range(count)])
    errors = [project(model, one).error for one in made]
    unseen = world.compose(np.arange(count) * 37 % len(world.names), [BACKGROUNDS["white"]] * count)[
        :, :, ::-1
    ]
    far = [project(model, np.ascontiguousarray(one)).error for one in unseen]
    return {
        "projected": count,
        "projection within 0.02": int(np.sum(np.array(errors) <= 0.02)),
        "error of projections, median": round(float(np.median(errors)), 4),
        "error of unseen, mirrored pictures, median": round(float(np.median(far)), 4),
    }


def of_speed(model: StyledGenerator, count: int = 64) -> dict[str, Any]:
    """Seconds for 64 pictures, the best of three."""
    taken = []
    for start in range(3):
        began = time.perf_counter()
        draw(model, [Recipe(seed=start * count + seed, prompt="") for seed in range(count)])
        taken.append(time.perf_counter() - began)
    return {"seconds for 64 pictures": round(min(taken), 2)}
