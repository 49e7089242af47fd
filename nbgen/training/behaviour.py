"""Does mini behave as large models do?  Guidance, samplers, variety, novelty, and what a picture costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, HeunDiscreteScheduler

from nbgen.training.judging import Judge
from nbgen.training.painting import load_pipeline, paint, reconstruct, root_mean_square
from nbgen.training.questions import Question, draw_questions
from nbgen.training.scenes import PLAIN, Scene

GUIDANCES = (1.0, 1.5, 2.0, 3.0, 4.0, 7.0)
FEW_STEPS = {"25 guided": (25, 2.0), "4 guided": (4, 2.0), "4 plain": (4, 1.0), "2 plain": (2, 1.0)}
"""Steps and guidance: what is usual, and what a few-step student would have to beat; a plain step is one call."""
CONVERGED = 5
"""So many times the usual steps, by Heun's method with two calls each, stand for the exact solution."""


def behaviour(
    pipeline: Any,
    folder: Path,
    judge: Judge,
    *,
    share: float,
    seed: int,
    steps: int,
    guidance: float,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Every figure that is not a count of right answers, JSON-able; the options are those of `evaluate`."""
    names = judge.composer.world.names
    questions = draw_questions("object", names, max(2, round(100 * share)), seed + 1)
    questions.sort(key=lambda question: question.scene.background)
    figures: dict[str, Any] = {"guidance": {}}
    for weight in GUIDANCES:
        right, error = found_objects(pipeline, judge, questions, seed, steps, weight)
        figures["guidance"][f"{weight:g}"] = {"object": right, "error": error}
        say(f"guidance {weight:g}: object {right:.3f}, error to the nearest {error:.1f}")
    prompts = [question.prompt for question in questions[: max(2, round(16 * share))]]
    figures["samplers"] = sampler_errors(pipeline, prompts, seed, steps, guidance)
    figures["few steps"] = {
        name: found_objects(pipeline, judge, questions, seed, few, weight)[0]
        for name, (few, weight) in FEW_STEPS.items()
    }
    figures["diversity"] = diversity(
        pipeline, judge, seed, steps, guidance, subjects=max(1, round(32 * share))
    )
    figures["novelty"] = novelty(pipeline, judge, seed, steps, guidance, count=max(2, round(100 * share)))
    figures["cost"] = cost(folder, prompts[0], steps)
    for name in ("samplers", "few steps", "diversity", "novelty", "cost"):
        say(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in figures[name].items()))
    return figures


def sampler_errors(
    pipeline: Any, prompts: Sequence[str], seed: int, steps: int, guidance: float
) -> dict[str, float]:
    """Root mean square difference, 0 to 255, from Heun's converged solution of the same noise, by sampler."""
    before = pipeline.scheduler
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "dpm++2m karras": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
        "ddim": (DDIMScheduler, {"clip_sample": False, "set_alpha_to_one": False}),
    }
    try:
        pipeline.scheduler = HeunDiscreteScheduler.from_config(before.config)
        exact = paint(pipeline, prompts, guidance=guidance, steps=CONVERGED * steps, seed=seed)
        errors = {}
        for name, (scheduler, options) in kinds.items():
            for calls in (steps // 2, steps):
                pipeline.scheduler = scheduler.from_config(before.config, **options)
                made = paint(pipeline, prompts, guidance=guidance, steps=calls, seed=seed)
                errors[f"{name} {calls}"] = float(root_mean_square(made, exact).mean())
    finally:
        pipeline.scheduler = before
    return errors


def found_objects(
    pipeline: Any, judge: Judge, questions: Sequence[Question], seed: int, steps: int, guidance: float
) -> tuple[float, float]:
    """The share of right objects, and the root mean square difference from the nearest ones, 0 to 255."""
    made = paint(pipeline, [q.prompt for q in questions], guidance=guidance, steps=steps, seed=seed)
    seen = [judge.one(picture, q.scene.background) for q, picture in zip(questions, made, strict=True)]
    right = [one.things == q.scene.things for one, q in zip(seen, questions, strict=True)]
    return float(np.mean(right)), float(np.mean([one.error for one in seen]))


def diversity(
    pipeline: Any, judge: Judge, seed: int, steps: int, guidance: float, *, subjects: int, seeds: int = 16
) -> dict[str, float]:
    """Mean distance between two pictures of one prompt, size and place unsaid, over `seeds` seeds; and of references.

    References are drawn as the training draws them, and go through the autoencoder. "median share": what half of the
    prompts reach of their own references. Some prompts give one picture, others many: with six of them the mean had
    a standard error of a fifth, so that it said little.
    """
    draw = np.random.default_rng([seed, 3])
    composer = judge.composer
    ours, theirs = [], []
    for thing in draw.choice(len(composer.world.names), size=subjects):
        prompt = f"a {composer.world.names[int(thing)]}"
        made = paint(pipeline, [prompt] * seeds, guidance=guidance, steps=steps, seed=seed)
        ours.append(_spread(made))
        scene = Scene((int(thing),), PLAIN)
        drawn = np.stack([composer.drawn(scene, draw) for _ in range(seeds)])
        theirs.append(_spread(reconstruct(pipeline.vae, drawn)))
    shares = np.array(ours) / np.maximum(theirs, 1e-9)
    return {
        "prompts": float(subjects),
        "pictures": float(np.mean(ours)),
        "references": float(np.mean(theirs)),
        "median share": float(np.median(shares)),
    }


def _spread(pictures: np.ndarray) -> float:
    first, second = np.triu_indices(len(pictures), k=1)
    return float(root_mean_square(pictures[first], pictures[second]).mean())


def novelty(
    pipeline: Any, judge: Judge, seed: int, steps: int, guidance: float, *, count: int
) -> dict[str, float]:
    """How far pictures are from the nearest picture of one object that training could draw; 0 to 255.

    "references": the same of what the training drew, after the autoencoder; "other object": from a reference
    to the nearest of another object.
    """
    names = judge.composer.world.names
    questions = draw_questions("object", names, count, seed + 2)
    questions.sort(key=lambda question: question.scene.background)
    made = paint(pipeline, [q.prompt for q in questions], guidance=guidance, steps=steps, seed=seed)
    draw = np.random.default_rng(seed)
    drawn = np.stack([judge.composer.drawn(q.scene, draw) for q in questions])
    coded = reconstruct(pipeline.vae, drawn)
    whole = [judge.composer.drawn(Scene((n,), PLAIN, size="large"), draw) for n in range(len(names))]
    objects = np.stack(whole).reshape(len(names), -1).astype(np.float32)
    apart = []
    for question in questions:
        thing = question.scene.things[0]
        squares = ((objects - objects[thing]) ** 2).mean(axis=1)
        apart.append(float(np.sqrt(np.delete(squares, thing).min())) if len(names) > 1 else 0.0)
    distances = {
        name: float(np.mean([judge.one(p, q.scene.background).error for p, q in zip(pictures, questions, strict=True)]))
        for name, pictures in (("pictures", made), ("references", coded))
    }  # fmt: skip
    return {**distances, "other object": float(np.mean(apart))}


def cost(folder: Path, prompt: str, steps: int, batch: int = 32) -> dict[str, float]:
    """Seconds to load, and for a picture of so many guided steps, alone and in a batch, here; megabytes."""
    began = time.perf_counter()
    pipeline = load_pipeline(folder)
    loading = time.perf_counter() - began
    paint(pipeline, [prompt], steps=2)  # warms up
    began = time.perf_counter()
    paint(pipeline, [prompt], steps=steps)
    alone = time.perf_counter() - began
    began = time.perf_counter()
    paint(pipeline, [prompt] * batch, steps=steps, batch=batch)
    together = (time.perf_counter() - began) / batch
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    return {
        "loading": loading, "alone": alone, "of 32": together, "megabytes": size,
        "threads": float(torch.get_num_threads()),
    }  # fmt: skip
