"""Does mini paint what it is asked for?  Counted on pixels, with fixed seeds, on prompts nobody chose.

The measuring is itself measured: the same code looks at pictures drawn for the same scenes ("references"), and
at those after the autoencoder, which is as well as any model that uses it can do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from nbgen.training.bars import bars
from nbgen.training.behaviour import behaviour
from nbgen.training.composition import Composer
from nbgen.training.export import variant_of
from nbgen.training.gallery import FAILURES, SHEET, SKETCHES, Gallery
from nbgen.training.inpainting import inpainted_pairs
from nbgen.training.judging import Judge, shows
from nbgen.training.objects import load_named
from nbgen.training.own_eye import OwnEye
from nbgen.training.painting import load_pipeline, paint, reconstruct, similarity
from nbgen.training.questions import Question, draw_questions
from nbgen.training.report import NEAREST, beside_nearest
from nbgen.training.scenes import STYLES, Scene
from nbgen.training.sheets import contact_sheet
from nbgen.training.sketch_judging import sketched_objects
from nbgen.training.style_judging import StyleJudge

COUNTS = {"object": 500, "size": 100, "place": 100, "number": 100, "pair": 200, **dict.fromkeys(STYLES, 40)}
"""How many prompts of each kind."""


Decoded = Callable[[np.ndarray], np.ndarray]
"""Pictures, uint8 (n, 64, 64, 3), to what the autoencoder makes of them."""


class Counted(NamedTuple):
    """Shares of right answers by what was asked for, and other means; and of each picture whether it is right."""

    shares: dict[str, float]
    right: list[bool]


def evaluate(
    folder: Path,
    *,
    share: float = 1.0,
    seed: int = 0,
    steps: int = 20,
    guidance: float = 2.0,
    kinds: Sequence[str] = tuple(COUNTS),
    device: torch.device | None = None,
    say: Callable[[str], None] = print,
    sheets: Path | None = None,
) -> dict[str, Any]:
    """Ask the model in `folder` for pictures of every kind, and count what is right.

    share: of the prompts in COUNTS; a twentieth says how a training goes. Returns JSON-able figures.
    With `sheets`, writes there one sheet for each kind, what was made above, what was asked for below; and what the
    model card shows, some of every kind and some that went wrong.
    """
    pipeline = load_pipeline(folder, device)
    names = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))["objects"]
    judge = Judge(Composer(load_named(names)))
    figures: dict[str, Any] = {
        "objects": len(names), "seed": seed, "steps": steps, "guidance": guidance, "share": share, "kinds": {},
    }  # fmt: skip
    decoded = partial(reconstruct, pipeline.vae)
    eye, gallery = OwnEye.of(folder, judge), Gallery()
    for kind in kinds:
        questions = draw_questions(kind, names, max(1, round(COUNTS[kind] * share)), seed)
        # Judged background by background: the judge holds the objects on one at a time.
        questions.sort(key=lambda question: question.scene.background)
        asked = references(questions, judge.composer, seed)
        at_best = decoded(asked)
        made = paint(pipeline, [q.prompt for q in questions], guidance=guidance, steps=steps, seed=seed)
        count = counter(kind, questions, asked, at_best, judge, decoded)
        found: dict[str, float] = {"prompts": len(questions)}
        for what, pictures in (("", made), ("references: ", asked), ("autoencoder: ", at_best)):
            counted = count(pictures)
            found |= {what + key: value for key, value in counted.shares.items()}
            if pictures is made:
                gallery.add(kind, questions, made, asked, counted.right)
        if kind == "object" and eye is not None:
            found["object by own features"] = eye.right(questions, made)
        figures["kinds"][kind] = found
        say(f"{kind}: " + ", ".join(f"{key} {value:.3f}" for key, value in found.items() if key != "prompts"))
        if sheets is not None:
            sheets.mkdir(parents=True, exist_ok=True)
            side_by_side(made, asked).save(sheets / f"evaluation-{kind.replace(' ', '-')}.png")
            if kind == "object":
                pairs = beside_nearest(made[:100], [q.scene for q in questions[:100]], judge)
                contact_sheet(pairs, columns=10).save(sheets / NEAREST)
    if sheets is not None:
        gallery.sheet().save(sheets / SHEET)
        for old in (FAILURES, SKETCHES):
            (sheets / old).unlink(missing_ok=True)
        if failures := gallery.failures():
            failures.save(sheets / FAILURES)
    figures["behaviour"] = behaviour(
        pipeline, folder, judge, share=share, seed=seed, steps=steps, guidance=guidance, say=say
    )
    figures["inpainting"] = inpainted_pairs(
        pipeline, judge, count=max(1, round(50 * share)), seed=seed, steps=steps, guidance=guidance
    )
    say("inpainting: " + ", ".join(f"{key} {value:.3f}" for key, value in figures["inpainting"].items()))
    sketch = variant_of(folder, "sketch")
    if sketch.exists():
        figures["sketch"] = sketched_objects(
            pipeline, sketch, judge, count=max(2, round(100 * share)), seed=seed, steps=steps, guidance=guidance,
            sheet=sheets and sheets / SKETCHES, say=say,
        )  # fmt: skip
    figures["bars"] = bars(figures)
    for name, bar in figures["bars"].items():
        say(
            f"{'reached' if bar['reached'] else 'MISSED'}: {name} {bar['value']:.3f} (wanted {bar['wanted']})"
        )
    return figures


def references(questions: Sequence[Question], composer: Composer, seed: int) -> np.ndarray:
    """A picture of each scene, what it leaves unsaid drawn by seed."""
    draw = np.random.default_rng(seed)
    return np.stack([composer.drawn(question.scene, draw) for question in questions])


def scene_counts(
    questions: Sequence[Question], pictures: np.ndarray, asked: np.ndarray, judge: Judge, at_best: np.ndarray
) -> Counted:
    """Shares of pictures in which what the scene says is so; of single objects also how near the nearest one is."""
    told = [shows(q.scene, picture, judge) for q, picture in zip(questions, pictures, strict=True)]
    keys = dict.fromkeys(
        key for answer in told for key in answer
    )  # a scene with a place may say a size as well
    shares = {key: float(np.mean([answer[key] for answer in told if key in answer])) for key in keys}
    if all(q.scene == Scene(q.scene.things, q.scene.background) for q in questions):
        seen = [
            judge.one(picture, q.scene.background) for q, picture in zip(questions, pictures, strict=True)
        ]
        nearest = np.stack(
            [judge.composer.draw(q.scene, one.found) for q, one in zip(questions, seen, strict=True)]
        )
        bound = similarity(at_best, asked).mean()
        shares["crispness"] = float(similarity(pictures, nearest).mean() / bound)
        shares["distance to nearest"] = float(np.mean([one.error for one in seen]))
    return Counted(shares, [all(answer.values()) for answer in told])


def counter(
    kind: str,
    questions: Sequence[Question],
    asked: np.ndarray,
    at_best: np.ndarray,
    judge: Judge,
    decoded: Decoded,
) -> Callable[[np.ndarray], Counted]:
    """What counts right answers among pictures that were made for these questions.

    asked, at_best: those drawn for them, and after the autoencoder; decoded: what takes any pictures there
    """
    if kind not in STYLES:
        return lambda pictures: scene_counts(questions, pictures, asked, judge, at_best)
    stylist = StyleJudge(kind, questions[0].scene.background, judge.composer, decoded)
    things = [question.scene.things[0] for question in questions]
    return lambda pictures: Counted(*stylist.counts(pictures, things))


def side_by_side(made: np.ndarray, asked: np.ndarray, columns: int = 20) -> Image.Image:
    """Rows of what was made, each above a row of what was asked for."""
    rows = []
    for start in range(0, len(made), columns):
        for part in (made[start : start + columns], asked[start : start + columns]):
            short = columns - len(part)
            rows.append(np.concatenate([part, np.full((short, *part.shape[1:]), 255, np.uint8)]))
    return contact_sheet(np.concatenate(rows), columns=columns)
