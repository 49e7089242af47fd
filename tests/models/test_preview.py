"""The fitted preview: exact where colours are linear in the latent, and close on the shipped model."""

from __future__ import annotations

import numpy as np
import torch

import nbgen
from nbgen.engine.batching import Engine, Finished
from nbgen.models.preview import LinearPreview


def test_a_linear_decoder_is_found_exactly() -> None:
    draw = torch.Generator().manual_seed(0)
    weights, offset = torch.randn(3, 4, generator=draw) * 0.08, torch.tensor([0.5, 0.4, 0.6])

    def decode(latent: torch.Tensor) -> np.ndarray:
        colours = torch.einsum("kc,chw->hwk", weights, latent) + offset
        big = colours.repeat_interleave(8, 0).repeat_interleave(8, 1)
        return (big.clamp(0, 1) * 255).round().byte().numpy()

    preview = LinearPreview(4)
    examples = torch.randn(4, 4, 8, 8, generator=draw)
    for latent in examples[:3]:
        preview.add(latent, decode(latent))
    seen = preview(examples[3]).astype(int)
    assert np.abs(seen - decode(examples[3])[::8, ::8].astype(int)).mean() <= 2


def test_minis_latents_are_recognised_by_their_colours() -> None:
    model = nbgen.load("mini")
    recipes = [
        model.resolve(prompt=f"a cat face on a {colour} background", seed=1, steps=6)
        for colour in ("red", "blue", "white", "green")
    ]
    made = sorted(
        (each for each in Engine(model, recipes).run() if isinstance(each, Finished)),
        key=lambda each: each.index,
    )
    preview = LinearPreview(4)
    for each in made[:3]:
        preview.add(each.latent, each.pixels)
    small = made[3].pixels.reshape(16, 4, 16, 4, 3).mean((1, 3))
    error = np.abs(preview(made[3].latent) - small).mean()
    assert error < 40, error
