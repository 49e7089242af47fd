"""Does mini paint what it is asked for?  Counted on pixels, with fixed seeds, on prompts nobody chose.

Because every picture of this world can be drawn exactly, prompt fidelity needs no other model to judge it:
a generated picture is compared with every object drawn on the asked background, and the nearest must be
the asked one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from nbgen.training.autoencoder import reconstruct
from nbgen.training.captions import PLAIN, write_caption
from nbgen.training.pictures import BACKGROUNDS, World
from nbgen.training.sheets import contact_sheet


@dataclass(frozen=True)
class Question:
    """One prompt and what it asks for; `said` is None where it names no background."""

    prompt: str
    thing: int
    said: str | None

    @property
    def background(self) -> str:
        """The background that the picture should have."""
        return self.said or PLAIN


def draw_questions(world: World, count: int = 100, seed: int = 0) -> list[Question]:
    """Prompts drawn at random from the vocabulary, no object twice; every other one names a background."""
    draw = np.random.default_rng(seed)
    things = draw.choice(len(world.names), size=count, replace=count > len(world.names))
    questions = []
    for number, thing in enumerate(things):
        said = str(draw.choice(list(BACKGROUNDS))) if number % 2 else None
        questions.append(Question(write_caption(world.names[thing], said), int(thing), said))
    return questions


@torch.no_grad()
def paint(
    pipeline: StableDiffusionPipeline,
    prompts: list[str],
    *,
    guidance: float,
    steps: int,
    seed: int,
    batch: int = 25,
) -> np.ndarray:
    """Pictures by the stock pipeline, uint8 (n, 64, 64, 3); picture i from CPU seed `seed + i`."""
    made = []
    for start in range(0, len(prompts), batch):
        part = prompts[start : start + batch]
        generators = [torch.Generator().manual_seed(seed + start + i) for i in range(len(part))]
        made += pipeline(
            part, num_inference_steps=steps, guidance_scale=guidance, generator=generators, output_type="pil"
        ).images
    return np.stack([np.asarray(picture) for picture in made])


def ranks(pictures: np.ndarray, questions: list[Question], world: World) -> tuple[np.ndarray, np.ndarray]:
    """The asked object's place among all objects for each picture, 0 is nearest; and the nearest's number.

    Distance is the mean squared difference to every object on the asked background.
    """
    references = {
        name: world.references(name).astype(np.float32) for name in {q.background for q in questions}
    }
    places, nearest = [], []
    for picture, question in zip(pictures, questions, strict=True):
        distances = ((references[question.background] - picture) ** 2).mean(axis=(1, 2, 3))
        order = np.argsort(distances)
        places.append(int(np.flatnonzero(order == question.thing)[0]))
        nearest.append(int(order[0]))
    return np.array(places), np.array(nearest)


def background_of(picture: np.ndarray, glyph: np.ndarray) -> str:
    """The named colour nearest to the picture's median where `glyph` (64, 64, 4) leaves it uncovered."""
    colour = np.median(picture[glyph[..., 3] == 0], axis=0)
    distances = {name: float(((colour - np.array(rgb)) ** 2).sum()) for name, rgb in BACKGROUNDS.items()}
    return min(distances, key=distances.__getitem__)


def similarity(pictures: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al., 2004) of each pair, colour channels averaged."""
    from skimage.metrics import structural_similarity  # only judges need scikit-image, not users

    pairs = zip(pictures, references, strict=True)
    return np.array([structural_similarity(a, b, channel_axis=2, data_range=255) for a, b in pairs])


def evaluate(
    folder: Path,
    world: World,
    *,
    count: int = 100,
    seed: int = 0,
    steps: int = 20,
    guidances: tuple[float, ...] = (2.0, 4.0, 7.0),
    device: torch.device | None = None,
    say: Callable[[str], None] = print,
    sheets: Path | None = None,
) -> dict[str, Any]:
    """Ask the exported model in `folder` for `count` pictures at each guidance scale, and count.

    Returns JSON-able figures. With `sheets`, writes there one sheet for each scale: what was made above,
    what was asked for below.
    """
    pipeline = StableDiffusionPipeline.from_pretrained(folder).to(device or torch.device("cpu"))
    pipeline.set_progress_bar_config(disable=True)
    questions = draw_questions(world, count, seed)
    asked = np.concatenate([world.compose([q.thing], [BACKGROUNDS[q.background]]) for q in questions])
    reconstructed = reconstruct(pipeline.vae, asked)
    bound = float(similarity(reconstructed, asked).mean())
    error = ((reconstructed.astype(np.float64) - asked) ** 2).mean(axis=(1, 2, 3))
    figures: dict[str, Any] = {
        "objects": len(world.names),
        "prompts": count,
        "seed": seed,
        "steps": steps,
        "autoencoder": {
            "ssim": round(bound, 4),
            "psnr": round(float((10 * np.log10(255**2 / error)).mean()), 2),
        },
        "guidance": {},
    }
    psnr = figures["autoencoder"]["psnr"]
    say(f"autoencoder: mean SSIM {bound:.3f}, {psnr} dB on the {count} pictures asked for")
    for guidance in guidances:
        made = paint(pipeline, [q.prompt for q in questions], guidance=guidance, steps=steps, seed=seed)
        figures["guidance"][f"{guidance:g}"] = found = score(made, questions, world, bound)
        say(
            f"guidance {guidance:g}: object right {found['object right']}/{count}"
            f" ({found['object in nearest five']} in the nearest five),"
            f" background right {found['colour right']}/{found['colours asked']},"
            f" unsaid background white {found['unsaid white']}/{count - found['colours asked']},"
            f" SSIM {found['ssim']:.3f} = {found['share of bound']:.2f} of the autoencoder's"
            + (f"; wrong: {', '.join(found['wrong'])}" if found["wrong"] else "")
        )
        if sheets is not None:
            sheets.mkdir(parents=True, exist_ok=True)
            side_by_side(made, asked).save(sheets / f"evaluation-guidance-{guidance:g}.png")
    return figures


def score(made: np.ndarray, questions: list[Question], world: World, bound: float) -> dict[str, Any]:
    """Count what is right in the pictures `made` (n, 64, 64, 3); `bound` is the autoencoder's own SSIM."""
    places, nearest = ranks(made, questions, world)
    pairs = list(zip(made, questions, strict=True))
    right = [background_of(picture, world.glyphs[q.thing]) == q.background for picture, q in pairs]
    said = [q.said is not None for q in questions]
    colours = [BACKGROUNDS[q.background] for q in questions]
    crispness = float(similarity(made, world.compose(nearest, colours)).mean())
    return {
        "object right": int((places == 0).sum()),
        "object in nearest five": int((places < 5).sum()),
        "colour right": int(np.sum(right, where=said)),
        "colours asked": int(np.sum(said)),
        "unsaid white": int(np.sum(right, where=np.logical_not(said))),
        "ssim": round(crispness, 4),
        "share of bound": round(crispness / bound, 4),
        "wrong": [
            f"{q.prompt} -> {world.names[n]}"
            for q, place, n in zip(questions, places, nearest, strict=True)
            if place > 0
        ],
    }


def side_by_side(made: np.ndarray, asked: np.ndarray, columns: int = 20) -> Image.Image:
    """Rows of what was made, each above a row of what was asked for."""
    rows = []
    for start in range(0, len(made), columns):
        for part in (made[start : start + columns], asked[start : start + columns]):
            short = columns - len(part)
            rows.append(np.concatenate([part, np.full((short, *part.shape[1:]), 255, np.uint8)]))
    return contact_sheet(np.concatenate(rows), columns=columns)
