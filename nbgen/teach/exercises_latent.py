"""The exercises of notebooks 13 and 14: truncation, mixing, a direction; coverage, chance, the nearest drawing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .exercises import exercise, judged, there


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@exercise("13.1", "right. At ψ = 0 nothing is left of the seed, and past 1 it is exaggerated.")
def truncated(truncate: Any) -> str | None:
    """truncate(w, mean, psi): the truncated style."""
    w, mean, psi = _random(6), _random(6, seed=1), 0.3
    given = there(truncate(w, mean, psi))
    hints = (
        (psi * w, "that shrinks towards zero. Styles are not centred there: go towards the mean."),
        (
            w + psi * (mean - w),
            "turned round: with ψ = 1 the style must stay as it is, and this gives the mean.",
        ),
        (mean + psi * w, "nearly. What is scaled is the way from the mean to w, not w."),
        (psi * (w - mean), "that is the way from the mean, shortened. Start it at the mean."),
    )
    return judged(
        given,
        mean + psi * (w - mean),
        hints,
        "not quite. Start at the mean, and go the part ψ of the way to w.",
    )


@exercise("13.2", "right. That line is all of style mixing.")
def mixed(mix: Any) -> str | None:
    """mix(own, other, layers): styles (6, n), some of whose rows are the other's."""
    own, other, layers = _random(6, 4), _random(6, 4, seed=1), [4, 5]
    kept = own.clone()
    given = there(mix(own, other, layers))
    wanted, turned = kept.clone(), other.clone()
    wanted[layers], turned[layers] = other[layers], kept[layers]
    if not torch.equal(own, kept):
        return "this changes the styles that it was given: take a clone() first."
    hints = (
        (turned, "turned round: these layers are the other's, all others stay your own."),
        ((kept + other) / 2, "that is halfway between two styles in every layer. Mixing takes whole layers."),
        (other, "that is the other picture: only some layers are the other's."),
        (kept, "that is your own picture: nothing was mixed in."),
        (other[layers], "that is only the layers that change: the others must come along."),
    )
    return judged(
        given, wanted, hints, "not quite. Take a clone of your own styles, and replace the rows in layers."
    )


@exercise("13.3", "right. GANSpace is this, on styles of a few thousand seeds.")
def first_component(component: Any) -> str | None:
    """component(styles): the direction, of length 1, in which styles (n, d) vary most; its sign is free."""
    long = torch.tensor([0.5, 3.0, 1.0, 0.2], dtype=torch.float64)
    turn = torch.linalg.qr(_random(4, 4, seed=3))[0]
    styles = (_random(400, 4) * long) @ turn + torch.tensor([9.0, -4.0, 6.0, 0.0], dtype=torch.float64)
    given = torch.as_tensor(there(component(styles.clone())), dtype=torch.float64).squeeze()
    if given.shape != (4,):
        return "a direction has as many numbers as a style: here four."
    centred = styles - styles.mean(dim=0)
    _, _, rows = torch.linalg.svd(centred, full_matrices=False)
    raw = torch.linalg.svd(styles, full_matrices=False)[2][0]
    if float(given.norm()) < 1e-9:
        return "that direction has length 0."
    length = float(given.norm())
    given = given * torch.sign(given @ rows[0])
    hints = (
        (
            rows[3] * torch.sign(rows[3] @ rows[0]),
            "that is the direction in which they vary least: mind the order.",
        ),
        (
            raw * torch.sign(raw @ rows[0]),
            "take the mean away first: this points from zero to the middle of all styles.",
        ),
        (
            rows[0] * length if abs(length - 1) > 1e-3 else torch.zeros(4),
            "the direction is right, and its length is not 1: divide by norm().",
        ),
    )
    otherwise = "not quite. Take the mean away; torch.linalg.svd(…) then has the directions as rows of its third part."
    return judged(given, rows[0], hints, otherwise)


@exercise("14.1", "right. It counts what appears at all, however rarely.")
def coverage(covered: Any) -> str | None:
    """covered(nearest, of): the share of `of` things that are the nearest of at least one picture."""
    nearest, of = [3, 1, 3, 3, 7, 1, 0, 3], 10
    given = there(covered(list(nearest), of))
    hints = (
        (len(nearest) / of, "that counts pictures. Of two pictures of one thing, only one is new."),
        (4, "that is how many; the share is of all there are."),
        (4 / len(nearest), "that is new things for each picture. Divide by the things there are."),
        (0.6, "that is the share that never appears."),
    )
    return judged(
        given, 0.4, hints, "not quite. Count the different numbers in the list, and divide by `of`."
    )


@exercise("14.2", "right. Fewer than this, and a generator is not only unlucky: it has favourites.")
def expected(distinct: Any) -> str | None:
    """distinct(draws, of): how many different things one expects among draws that are all equally likely."""
    draws, of = 3, 5
    given = there(distinct(draws, of))
    missed = (1 - 1 / of) ** draws
    hints = (
        (missed, "that is the chance that one thing is never drawn: how many are drawn, then?"),
        (1 - missed, "that is the chance for one thing. There are `of` of them."),
        (of * missed, "that is how many are never drawn."),
        (min(draws, of), "that would take luck: some are drawn twice before others are drawn at all."),
        (
            of * (1 - (1 / of) ** draws),
            "1/of is the chance to be drawn. To be missed each time it is 1 - 1/of.",
        ),
    )
    otherwise = (
        "not quite. One draw misses a given thing with chance 1 - 1/of; all miss it with a power of that."
    )
    return judged(given, of * (1 - missed), hints, otherwise)


@exercise("14.3", "right. With it, a picture is judged without any other network.")
def nearest(find: Any) -> str | None:
    """find(picture, drawings): the number of the drawing, (n, h, w, 3), that is nearest to the picture, (h, w, 3)."""
    drawings = (_random(5, 4, 4, 3, seed=4) * 60 + 128).clamp(0, 255).round()
    picture = (drawings[2] + 5 * _random(4, 4, 3, seed=5)).clamp(0, 255).round()
    distances = (drawings - picture).square().mean(dim=(1, 2, 3))
    # As files hold them: whole numbers of one byte, whose differences wrap around below zero.
    given = there(find(picture.byte().numpy(), drawings.byte().numpy()))
    place = torch.as_tensor(given, dtype=torch.float64)
    if place.ndim:
        return "the answer is one number: argmin() of the distances, one for each drawing."
    hints = (
        (int(distances.argmax()), "that is the drawing farthest away: the smallest distance wins."),
        (float(distances.min()), "that is the distance. Which drawing has it?"),
    )
    otherwise = (
        "not quite. Mind that bytes cannot be negative: make them float before you subtract, then take the mean "
        "square over all but the first axis."
    )
    return judged(place, 2, hints, otherwise)
