"""Lines that were followed, and lines that were not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from PIL import Image

from nbgen.training import sketch_judging
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


class Echo:
    """Stands in for the ControlNet pipeline: what it is given to follow is what it makes."""

    def __init__(self, **parts):
        self.calls = 0

    def set_progress_bar_config(self, **options):
        pass

    def __call__(self, prompts, *, image, **options):
        assert len(image) == len(prompts)
        return SimpleNamespace(images=image)


def test_lines_go_to_their_own_prompts_and_are_laid_over_what_is_made(world, pipeline, tmp_path, monkeypatch):
    folder = tmp_path / "mini-sketch"
    without_attention(pipeline.unet).save_pretrained(folder)
    judged = {
        "judge": Judge(Composer(world)),
        "seed": 0,
        "steps": 2,
        "guidance": 2.0,
        "say": lambda line: None,
    }
    with monkeypatch.context() as patch:
        patch.setattr(sketch_judging, "StableDiffusionControlNetPipeline", Echo)
        # The edges of thin lines lie beside them on either side, within a pixel.
        found = sketched_objects(pipeline, folder, count=4, sheet=tmp_path / "sheet.png", **judged)
    assert found["lines followed"] > 0.7
    assert found["edges on lines"] > found["words alone: edges on lines"] + 0.2
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height > 0.7 * sheet.width  # three rows of four
    # One that has not learned changes nothing.
    found = sketched_objects(pipeline, folder, count=4, **judged)
    assert found["prompts"] == 4
    for key in ("lines followed", "edges on lines"):
        assert abs(found[key] - found[f"words alone: {key}"]) < 0.05
