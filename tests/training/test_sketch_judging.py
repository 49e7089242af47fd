"""Lines that were followed, and lines that were not."""

from __future__ import annotations

import numpy as np
import torch

from nbgen.training.composition import Composer
from nbgen.training.judging import Judge
from nbgen.training.scenes import Scene
from nbgen.training.sketch import by_hand, outlines, without_attention
from nbgen.training.sketch_judging import follows, sketched_objects


def test_a_picture_follows_its_own_lines_and_not_those_of_another(world):
    composer, draw = Composer(world), np.random.default_rng(0)
    one, other = (composer.drawn(Scene((n,), size="large"), draw) for n in (0, 5))
    assert follows(outlines(one), one) == (1.0, 1.0)
    assert max(follows(outlines(one), other)) < 0.9
    blank = np.full_like(one, 255)
    assert follows(outlines(one), blank) == (0.0, 1.0)


def test_lines_may_be_off_by_one_pixel_and_not_by_three():
    square = np.zeros((64, 64, 3), np.uint8)
    square[20:40, 20:40] = 255
    lines = outlines(square)
    assert follows(lines, np.roll(square, 1, axis=1)) == (1.0, 1.0)
    followed, _ = follows(lines, np.roll(square, 3, axis=(0, 1)))
    assert followed < 0.5


def test_a_hand_draws_thicker_or_with_gaps_and_never_elsewhere(world):
    lines = outlines(Composer(world).drawn(Scene((3,), size="large"), None))
    inked = [float((by_hand(lines, np.random.default_rng(seed)) > 0).mean()) for seed in range(40)]
    plain = float((lines > 0).mean())
    assert min(inked) < plain < max(inked)
    assert sum(share == plain for share in inked) >= 5


def test_without_having_learned_a_controlnet_changes_nothing(world, pipeline, tmp_path):
    folder = tmp_path / "mini-sketch"
    without_attention(pipeline.unet).save_pretrained(folder)
    torch.manual_seed(0)
    found = sketched_objects(
        pipeline, folder, Judge(Composer(world)), count=4, seed=0, steps=2, guidance=2.0,
        sheet=tmp_path / "sheet.png", say=lambda line: None,
    )  # fmt: skip
    assert found["prompts"] == 4
    for key in ("lines followed", "edges on lines"):
        assert abs(found[key] - found[f"words alone: {key}"]) < 0.05
    assert (tmp_path / "sheet.png").exists()
