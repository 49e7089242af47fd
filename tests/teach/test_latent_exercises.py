"""Do the exercises of notebooks 13 and 14 pass their solutions, wait for stubs, and tell typical mistakes apart?"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nbgen.teach.exercises import check


def mix(own: Any, other: Any, layers: Any) -> Any:
    made = own.clone()
    made[layers] = other[layers]
    return made


def spoiled(own: Any, other: Any, layers: Any) -> Any:
    own[layers] = other[layers]
    return own


def main(styles: Any, row: int = 0, centred: bool = True) -> Any:
    return torch.linalg.svd(styles - styles.mean(0) if centred else styles, full_matrices=False)[2][row]


def find(picture: Any, drawings: Any) -> Any:
    return ((drawings.astype(float) - picture) ** 2).mean(axis=(1, 2, 3)).argmin()


def far(picture: Any, drawings: Any) -> Any:
    return ((drawings.astype(float) - picture) ** 2).mean(axis=(1, 2, 3))


SOLUTIONS: dict[str, Any] = {
    "13.1": lambda w, mean, psi: mean + psi * (w - mean),
    "13.2": mix,
    "13.3": main,
    "14.1": lambda nearest, of: len(set(nearest)) / of,
    "14.2": lambda draws, of: of * (1 - (1 - 1 / of) ** draws),
    "14.3": find,
}

MISTAKES: list[tuple[str, Any, str]] = [
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
    ("13.3", lambda styles: main(styles, row=3), "vary least"),
    ("13.3", lambda styles: main(styles, centred=False), "mean away first"),
    ("13.3", lambda styles: 3 * main(styles), "length is not 1"),
    ("13.3", lambda styles: main(styles)[:2], "as many numbers"),
    ("13.3", lambda styles: main(styles, row=1), "not quite"),
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


@pytest.mark.parametrize("number", SOLUTIONS)
def test_a_solution_is_right_and_a_stub_not_yet(number: str) -> None:
    assert check(number, SOLUTIONS[number]).state == "right"
    for stub in (None, ..., lambda *_: None, lambda *_: ...):
        assert check(number, stub).state == "not yet"


@pytest.mark.parametrize(("number", "answer", "hint"), MISTAKES)
def test_a_mistake_gets_its_own_hint(number: str, answer: Any, hint: str) -> None:
    found = check(number, answer)
    assert found.state == "hint" and hint in found.said, found


def test_the_sign_of_a_component_is_free() -> None:
    assert check("13.3", lambda styles: -main(styles)).state == "right"
