"""Which noise does a training step mix in, and how much of it?"""

from __future__ import annotations

import torch
from torch import Tensor


def noise_and_timesteps(number: int, shape: torch.Size, of: int) -> tuple[Tensor, Tensor]:
    """What step `number` draws: noise of latents' shape (n, …), and a timestep for each, whole numbers below `of`.

    One timestep comes from each of n equal stretches: every step sees all noise levels, and jitters less. The
    root makes much noise likelier than little: there words decide, and that is learned last.
    """
    random = torch.Generator().manual_seed(number)
    noise = torch.randn(shape, generator=random)
    place = (torch.arange(shape[0]) + torch.rand(shape[0], generator=random)) / shape[0]
    return noise, (place.sqrt() * of).long()
