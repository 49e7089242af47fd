"""What students answer: a right answer to every exercise, and typical mistakes with a part of the hint for each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import softplus


def euler(step: Callable[..., Any]) -> Callable[..., Any]:
    def walk(noise_at, x, sigmas):
        for sigma, after in itertools.pairwise(sigmas):
            x = x + step(sigma, after) * noise_at(x, sigma)
        return x

    return walk


def ddim(x, noise, a, s, a2, s2):
    return a2 * (x - s * noise) / a + s2 * noise


def slope(discriminator: Callable[..., Any], real: Any, create_graph: bool = True) -> Any:
    (found,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=create_graph)
    return found


def mix(own: Any, other: Any, layers: Any) -> Any:
    made = own.clone()
    made[layers] = other[layers]
    return made


def spoiled(own: Any, other: Any, layers: Any) -> Any:
    own[layers] = other[layers]
    return own


def principal(styles: Any, row: int = 0, centred: bool = True) -> Any:
    return torch.linalg.svd(styles - styles.mean(0) if centred else styles, full_matrices=False)[2][row]


def find(picture: Any, drawings: Any) -> Any:
    return ((drawings.astype(float) - picture) ** 2).mean(axis=(1, 2, 3)).argmin()


def far(picture: Any, drawings: Any) -> Any:
    return ((drawings.astype(float) - picture) ** 2).mean(axis=(1, 2, 3))


SOLUTIONS: dict[str, Any] = {
    "10.1": lambda x, a, s, mean, spread: (a * mean - x) / ((a * spread) ** 2 + s**2),
    "10.2": ddim,
    "10.3": lambda everything, conditional, scale: everything + scale * (conditional - everything),
    "11.1": lambda steps: 2 * steps - 1,
    "11.2": lambda calls, errors: -math.log(errors[-1] / errors[0]) / math.log(calls[-1] / calls[0]),
    "11.3": euler(lambda sigma, after: after - sigma),
    "12.1": lambda p, q: p / (p + q),
    "12.2": lambda scores: -scores.sigmoid().log().mean(),
    "12.3": lambda d, real: (slope(d, real) ** 2).sum(1).mean() / 2,
    "13.1": lambda w, mean, psi: mean + psi * (w - mean),
    "13.2": mix,
    "13.3": principal,
    "14.1": lambda nearest, of: len(set(nearest)) / of,
    "14.2": lambda draws, of: of * (1 - (1 - 1 / of) ** draws),
    "14.3": find,
}

MISTAKES: list[tuple[str, Any, str]] = [
    ("10.1", lambda x, a, s, m, w: (x - a * m) / ((a * w) ** 2 + s**2), "mind the sign"),
    ("10.1", lambda x, a, s, m, w: (m - x) / ((a * w) ** 2 + s**2), "alpha * mean"),
    ("10.1", lambda x, a, s, m, w: (a * m - x) / (w**2 + s**2), "shrink before noise"),
    ("10.1", lambda x, a, s, m, w: (a * m - x) / s**2, "width of its own"),
    ("10.1", lambda x, a, s, m, w: (a * m - x) / ((a * w) ** 2 + s**2) ** 0.5, "not by its root"),
    ("10.1", lambda x, a, s, m, w: (a * m - x) / (a * w + s) ** 2, "standard deviations do not"),
    ("10.1", lambda x, a, s, m, w: a * m - x, "the length is not yet"),
    ("10.1", lambda x, a, s, m, w: x * 0 + 3, "not quite"),
    ("10.1", lambda x, a, s, m, w: x[0], "has shape (2,)"),
    ("10.1", lambda x: x, "stopped with TypeError"),
    ("10.2", lambda x, n, a, s, a2, s2: (x - s * n) / a, "only in part"),
    ("10.2", lambda x, n, a, s, a2, s2: a2 * (x - s * n) / a, "removed all the noise"),
    ("10.2", lambda x, n, a, s, a2, s2: (x - s * n) / a + s2 * n, "shrink at the new"),
    ("10.2", lambda x, n, a, s, a2, s2: x - s * n, "divide by alpha"),
    ("10.2", lambda x, n, a, s, a2, s2: a2 * (x - s * n) + s2 * n, "not x0: divide"),
    ("10.2", lambda x, n, a, s, a2, s2: x - (s - s2) * n, "does not change"),
    ("10.3", lambda u, c, w: c + w * (c - u), "begins at 0"),
    ("10.3", lambda u, c, w: u + w * c, "difference"),
    ("10.3", lambda u, c, w: u + w * (u - c), "turned round"),
    ("10.3", lambda u, c, w: w * c, "must not be lost"),
    ("10.3", lambda u, c, w: (1 - 1 / w) * u + c / w, "farther"),
    ("11.1", lambda n: n, "looks twice"),
    ("11.1", lambda n: 2 * n, "not corrected"),
    ("11.1", lambda n: 2 * n + 1, "one call less"),
    ("11.1", lambda n: 7, "you say 7"),
    ("11.2", lambda c, e: math.log(e[-1] / e[0]) / math.log(c[-1] / c[0]), "without the sign"),
    ("11.2", lambda c, e: -math.log(c[-1] / c[0]) / math.log(e[-1] / e[0]), "upside down"),
    ("11.2", lambda c, e: e[0] / e[1], "logarithm to base 2"),
    ("11.2", lambda c, e: math.log(e[0] / e[1]), "over the same stretch"),
    ("11.3", euler(lambda sigma, after: sigma - after), "noise grows"),
    ("11.3", euler(lambda sigma, after: -sigma), "all the way"),
    ("11.3", euler(lambda sigma, after: after), "change"),
    ("11.3", lambda noise_at, x, sigmas: x, "never moved"),
    ("11.3", lambda noise_at, x, sigmas: x + (sigmas[1] - sigmas[0]) * noise_at(x, sigmas[0]), "one step"),
    ("11.3", lambda noise_at, x, sigmas: [noise_at(x, s) for s in sigmas][-1], "stopped with ValueError"),
    ("12.1", lambda p, q: q / (p + q), "chance of a fake"),
    ("12.1", lambda p, q: p / q, "odds"),
    ("12.1", lambda p, q: p - q, "difference"),
    ("12.1", lambda p, q: (p > q).double(), "not always sure"),
    ("12.1", lambda p, q: p, "q must come into it"),
    ("12.1", lambda p, q: p * q, "not quite"),
    ("12.2", lambda scores: (1 - scores.sigmoid()).log().mean(), "saturating"),
    ("12.2", lambda scores: softplus(scores).mean(), "turned round"),
    ("12.2", lambda scores: scores.sigmoid().log().mean(), "mind the sign"),
    ("12.2", lambda scores: -scores.sigmoid().mean(), "logarithm is missing"),
    ("12.2", lambda scores: -scores.mean(), "bare scores"),
    ("12.2", lambda scores: softplus(-scores), "one number"),
    ("12.2", lambda scores: softplus(-scores).sum(), "not their sum"),
    ("12.2", lambda scores: scores.max(), "not quite"),
    ("12.3", lambda d, real: (slope(d, real) ** 2).sum(1).mean(), "half in front"),
    ("12.3", lambda d, real: slope(d, real).norm(dim=1).mean() / 2, "squared"),
    ("12.3", lambda d, real: (slope(d, real) ** 2).mean() / 2, "both parts"),
    ("12.3", lambda d, real: (slope(d, real) ** 2).sum() / 2, "not their sum"),
    ("12.3", lambda d, real: (slope(d, real) ** 2).sum(1) / 2, "one number"),
    ("12.3", lambda d, real: ((slope(d, real).norm(dim=1) - 1) ** 2).mean(), "Wasserstein"),
    ("12.3", lambda d, real: (d(real) ** 2).mean() / 2, "about their gradient"),
    ("12.3", lambda d, real: (slope(d, real, False) ** 2).sum(1).mean() / 2, "create_graph"),
    ("12.3", lambda d, real: d(real).mean(), "not quite"),
    ("12.3", lambda d, real: 1 / 0, "ZeroDivisionError"),
    ("13.1", lambda w, mean, psi: psi * w, "towards zero"),
    ("13.1", lambda w, mean, psi: torch.lerp(w, mean, psi), "gives the mean"),
    ("13.1", lambda w, mean, psi: mean + psi * w, "nearly"),
    ("13.1", lambda w, mean, psi: psi * (w - mean), "Start it at the mean"),
    ("13.1", lambda w, mean, psi: w, "not quite"),
    ("13.2", lambda own, other, layers: mix(other, own, layers), "stay your own"),
    ("13.2", lambda own, other, layers: (own + other) / 2, "halfway"),
    ("13.2", lambda own, other, layers: other, "only some layers"),
    ("13.2", lambda own, other, layers: own, "nothing was mixed in"),
    ("13.2", lambda own, other, layers: other[layers], "come along"),
    ("13.2", spoiled, "clone() first"),
    ("13.3", lambda styles: principal(styles, row=3), "vary least"),
    ("13.3", lambda styles: principal(styles, centred=False), "mean away first"),
    ("13.3", lambda styles: 3 * principal(styles), "length is not 1"),
    ("13.3", lambda styles: principal(styles)[:2], "as many numbers"),
    ("13.3", lambda styles: principal(styles, row=1), "not quite"),
    ("14.1", lambda nearest, of: len(nearest) / of, "counts pictures"),
    ("14.1", lambda nearest, of: len(set(nearest)), "the share"),
    ("14.1", lambda nearest, of: len(set(nearest)) / len(nearest), "for each picture"),
    ("14.1", lambda nearest, of: 1 - len(set(nearest)) / of, "never appears"),
    ("14.2", lambda draws, of: (1 - 1 / of) ** draws, "never drawn: how many"),
    ("14.2", lambda draws, of: 1 - (1 - 1 / of) ** draws, "for one thing"),
    ("14.2", lambda draws, of: of * (1 - 1 / of) ** draws, "are never drawn"),
    ("14.2", lambda draws, of: min(draws, of), "luck"),
    ("14.2", lambda draws, of: of * (1 - (1 / of) ** draws), "To be missed"),
    ("14.3", lambda picture, drawings: far(picture, drawings).argmax(), "farthest"),
    ("14.3", lambda picture, drawings: far(picture, drawings).min(), "Which drawing"),
    ("14.3", far, "one number"),
    ("14.3", lambda picture, drawings: 1, "cannot be negative"),
]
