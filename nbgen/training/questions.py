"""What is mini asked when it is judged?  Prompts drawn by seed, nobody's choice, a number of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nbgen.training.pictures import BACKGROUNDS
from nbgen.training.scenes import PLAIN, STYLES, Scene, draw_scene, is_held_out
from nbgen.training.wordings import Speaker


@dataclass(frozen=True)
class Question:
    """One prompt, and the scene it says."""

    prompt: str
    scene: Scene


def draw_questions(kind: str, names: Sequence[str], count: int, seed: int) -> list[Question]:
    """`count` questions of a kind: "object", "size", "place", "number", "pair" (held out) or a style's name.

    "object": no object twice where there are enough, every other prompt names a background.
    """
    draw = np.random.default_rng([seed, *kind.encode()])
    speaker = Speaker(names)  # names only: a keyword may mean more than one object
    if kind == "object":
        things = draw.choice(len(names), size=count, replace=count > len(names))
        grounds = [str(draw.choice(list(BACKGROUNDS))) if n % 2 else PLAIN for n in range(count)]
        scenes = [Scene((int(thing),), ground) for thing, ground in zip(things, grounds, strict=True)]
    elif kind in STYLES:
        things = draw.choice(len(names), size=count, replace=count > len(names))
        scenes = [Scene((int(thing),), STYLES[kind][0], style=kind) for thing in things]
    elif kind == "pair":
        scenes = [_held_out(names, draw) for _ in range(count)]
    else:
        among = speaker.countable() if kind == "number" else None
        scenes = [draw_scene(kind, names, draw, among or None) for _ in range(count)]
    return [Question(speaker.say(scene, draw), scene) for scene in scenes]


def _held_out(names: Sequence[str], draw: np.random.Generator) -> Scene:
    """A scene of two objects that were never trained on together. Raises ValueError where there are none."""
    for _ in range(100_000):
        one, other = (int(n) for n in draw.integers(len(names), size=2))
        if one != other and is_held_out(names[one], names[other]):
            pair = draw_scene("pair", names, draw)
            return Scene((one, other), pair.background, relation=pair.relation)
    raise ValueError(f"no pair of these {len(names)} objects is held out of the training")
