"""Does a picture follow the lines it was given?  Lines are looked for again in what was made, and laid over them.

Beside each figure, the same prompts from the same noise without lines: what words alone would have hit by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline
from PIL import Image
from scipy import ndimage

from nbgen.training.judging import Judge
from nbgen.training.painting import paint
from nbgen.training.questions import draw_questions
from nbgen.training.scenes import FULL, GRID, MEDIUM, Scene, anywhere
from nbgen.training.sheets import contact_sheet
from nbgen.training.sketch import outlines

NEAR = 1
"""Pixels by which a line may miss."""


def follows(lines: np.ndarray, picture: np.ndarray) -> tuple[float, float]:
    """Which share of the lines is in the picture, and which share of its edges lies on the lines; both uint8 RGB.

    >>> square = np.zeros((64, 64, 3), np.uint8)
    >>> square[20:40, 20:40] = 255
    >>> follows(outlines(square), square)
    (1.0, 1.0)
    """
    given, found = lines[..., 0] > 127, outlines(picture)[..., 0] > 127
    around = np.ones((2 * NEAR + 1, 2 * NEAR + 1), bool)

    def on(ours: np.ndarray, theirs: np.ndarray) -> float:
        return float(ndimage.binary_dilation(theirs, around)[ours].mean()) if ours.any() else 1.0

    return on(given, found), on(found, given)


def sketched_objects(
    pipeline: Any, folder: Path, judge: Judge, *, count: int, seed: int, steps: int, guidance: float,
    sheet: Path | None = None, say: Callable[[str], None] = print,
) -> dict[str, float]:  # fmt: skip
    """Shares of lines followed, of edges on lines, and of right objects; with the ControlNet in `folder` and without.

    Every other object is a little smaller and somewhere, the rest mirrored where that shows: words do not say so, the
    lines do.
    """
    names, composer = judge.composer.world.names, judge.composer
    draw = np.random.default_rng([seed, 6])
    facing = set(composer.facing())
    questions = draw_questions("object", names, count, seed + 3)
    questions.sort(
        key=lambda question: question.scene.background
    )  # the judge holds one background's at a time
    scenes = [
        Scene(q.scene.things, q.scene.background, mirrored=n % 2 == 1 and q.scene.things[0] in facing)
        for n, q in enumerate(questions)
    ]
    drawn = [
        composer.draw(scene, ((scene.things[0], (0, 0, FULL) if n % 2 else anywhere(MEDIUM, GRID, draw)),))
        for n, scene in enumerate(scenes)
    ]
    lines = np.stack([outlines(picture) for picture in drawn])
    prompts = [question.prompt for question in questions]
    controlnet = ControlNetModel.from_pretrained(folder).to(pipeline.device)
    parts = {**pipeline.components, "requires_safety_checker": False}
    guided = StableDiffusionControlNetPipeline(**parts, controlnet=controlnet)
    guided.set_progress_bar_config(disable=True)
    made = {
        "": paint(_Lined(guided, lines), prompts, guidance=guidance, steps=steps, seed=seed),
        "words alone: ": paint(pipeline, prompts, guidance=guidance, steps=steps, seed=seed),
    }
    figures: dict[str, float] = {"prompts": float(len(prompts))}
    for what, pictures in made.items():
        hits = np.array([follows(line, picture) for line, picture in zip(lines, pictures, strict=True)])
        figures[f"{what}lines followed"], figures[f"{what}edges on lines"] = (
            float(v) for v in hits.mean(axis=0)
        )
        right = [
            judge.one(picture[:, ::-1] if scene.mirrored and not what else picture, scene.background).things
            == scene.things
            for picture, scene in zip(pictures, scenes, strict=True)
        ]
        figures[f"{what}object"] = float(np.mean(right))
    if sheet is not None:
        shown = slice(0, 20)
        contact_sheet(
            np.concatenate([lines[shown], *(p[shown] for p in made.values())]), columns=len(lines[shown])
        ).save(sheet)
    say("sketch: " + ", ".join(f"{key} {value:.3f}" for key, value in figures.items()))
    return figures


class _Lined:
    """A ControlNet pipeline that is called as one without: it takes the lines in their order."""

    def __init__(self, pipeline: Any, lines: np.ndarray) -> None:
        self.pipeline, self.lines = pipeline, iter(lines)

    def __call__(self, prompts: Sequence[str], **options: Any) -> Any:
        given = [Image.fromarray(next(self.lines)) for _ in prompts]
        return self.pipeline(prompts, image=given, **options)
