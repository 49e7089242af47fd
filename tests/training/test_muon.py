"""Muon against torch's own, and what it is for."""

from __future__ import annotations

import pytest
import torch

from nbgen.training.muon import Muon, Together, is_matrix, orthogonalised


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (24, 24)])
def test_the_step_is_near_the_nearest_orthogonal_matrix(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    made = orthogonalised(matrix)
    assert made.shape == matrix.shape
    values = torch.linalg.svdvals(made)
    assert 0.6 < float(values.min()) and float(values.max()) < 1.25
    cosine = (made * (u @ v)).sum() / made.norm() / (u @ v).norm()
    assert float(cosine) > 0.97


def steps_of(optimizer_of, start: torch.Tensor, count: int = 20) -> torch.Tensor:
    """Where an optimiser is after some steps towards a target."""
    target = torch.randn(start.shape, generator=torch.Generator().manual_seed(1))
    matrix = torch.nn.Parameter(start.clone())
    optimizer = optimizer_of(matrix)
    for _ in range(count):
        optimizer.zero_grad()
        (matrix - target).pow(2).sum().backward()
        optimizer.step()
    return matrix.detach() - start


def test_it_goes_where_torchs_muon_goes() -> None:
    start = torch.randn((12, 30), generator=torch.Generator().manual_seed(2))
    own = steps_of(lambda matrix: Muon([matrix], lr=0.01, weight_decay=0.1), start)
    theirs = steps_of(
        lambda matrix: torch.optim.Muon(
            [matrix], lr=0.01, momentum=0.95, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
        ),
        start,
    )
    # Theirs computes in bfloat16, which has three digits.
    assert float((own - theirs).norm() / theirs.norm()) < 0.03


def test_a_convolution_is_taken_as_a_matrix() -> None:
    start = torch.randn((8, 3, 3, 3), generator=torch.Generator().manual_seed(3))
    flat = steps_of(lambda matrix: Muon([matrix], lr=0.01), start.flatten(1))
    target_as_conv = steps_of(lambda matrix: Muon([matrix], lr=0.01), start)
    # The same numbers drawn as a target, since only the shape differs.
    assert torch.allclose(target_as_conv.flatten(1), flat, atol=1e-6)


def test_together_steps_all_its_parts_at_their_rates() -> None:
    one, other = torch.nn.Parameter(torch.ones(4, 4)), torch.nn.Parameter(torch.ones(4))
    both = Together([("matrix", one), ("bias", other)], lr=1.0)
    for group in both.param_groups:
        group["lr"] = 0.0
    one.grad, other.grad = torch.ones(4, 4), torch.ones(4)
    both.step()
    assert torch.equal(one, torch.ones(4, 4)) and torch.equal(other, torch.ones(4))
    for group in both.param_groups:
        group["lr"] = 0.1
    both.step()
    assert bool((one < 1).all()) and bool((other < 1).all())


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("mid_block.attentions.0.proj_in.weight", (192, 192, 1, 1), True),
        ("time_embedding.linear_1.weight", (256, 64), True),
        ("text_model.embeddings.token_embedding.weight", (900, 160), False),
        ("embeddings.position_embedding.weight", (28, 160), False),
        ("conv_out.weight", (4, 64, 3, 3), False),
        ("conv_in.weight", (64, 4, 3, 3), False),
        ("mid_block.resnets.0.norm1.weight", (192,), False),
    ],
)
def test_what_muon_is_for(name: str, shape: tuple[int, ...], expected: bool) -> None:
    assert is_matrix(name, torch.zeros(shape)) is expected
