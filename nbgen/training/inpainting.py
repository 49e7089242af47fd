"""Does mini need an inpainting UNet?  Counted: one half of a pair is painted out, and painted again by words.

Plain inpainting puts the known half back, noised as far, after every step (Lugmayr et al., 2201.09865, without
resampling): stock diffusers does it with an ordinary UNet. If the new object is found as often as in pairs made
from words alone, and the kept one stays, then another UNet would not earn its megabytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionInpaintPipeline
from PIL import Image

from nbgen.training.judging import Judge
from nbgen.training.questions import draw_questions
from nbgen.training.scenes import FULL, Scene


def inpainted_pairs(
    pipeline: Any, judge: Judge, *, count: int, seed: int, steps: int = 20, guidance: float = 2.0
) -> dict[str, float]:
    """Shares of pictures in which the painted object is the asked one, and the kept one still what it was."""
    names = judge.composer.world.names
    questions = [
        question
        for question in draw_questions("pair", names, 4 * count, seed)
        if question.scene.relation in ("next to", "left of")
    ][:count]
    painter = StableDiffusionInpaintPipeline(**{**pipeline.components, "requires_safety_checker": False})
    painter.set_progress_bar_config(disable=True)
    mask = np.zeros((FULL, FULL), np.uint8)
    mask[:, FULL // 2 :] = 255
    draw = np.random.default_rng(seed)
    new, kept = [], []
    for number, question in enumerate(questions):
        scene = question.scene
        before = judge.composer.drawn(
            Scene((scene.things[0], scene.things[0]), scene.background, relation=scene.relation), draw
        )
        (picture,) = painter(
            question.prompt, Image.fromarray(before), Image.fromarray(mask), height=FULL, width=FULL,
            num_inference_steps=steps, guidance_scale=guidance, strength=1.0,
            generator=torch.Generator().manual_seed(seed + number),
        ).images  # fmt: skip
        seen = judge.pair(np.asarray(picture), scene.background, above=False).things
        new.append(seen[1] == scene.things[1])
        kept.append(seen[0] == scene.things[0])
    return {"new object": float(np.mean(new)), "kept object": float(np.mean(kept))}
