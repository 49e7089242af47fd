"""A model whose answers are exact: points in the plane drawn from a mixture of Gaussians.

Its denoiser is a formula, so that samplers can be measured without any network's error. A "picture" of it is
a cloud of points.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .engine.asks import Conditioning
from .models.driven import DrivenModel
from .recipe import ModelRef, Recipe

TRAINED: dict[str, Any] = {
    "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon", "timestep_spacing": "leading", "steps_offset": 1,
}  # fmt: skip


class GaussianMixture(DrivenModel):
    """`modes` Gaussians of standard deviation `spread`, evenly on the unit circle; `points` of them a picture.

    The latent is (points, 2). The answer at noise level t is ε = -σₜ ∇ log pₜ(x), where pₜ is again a mixture:
    means αₜ·μ and variance αₜ²·spread² + σₜ². Between whole timesteps log σ/α is interpolated, as the
    schedulers of diffusers do.
    """

    family = "analytic"
    fields = frozenset({"seed", "sampler", "schedule", "steps", "size", "options"})

    def __init__(self, modes: int = 8, spread: float = 0.15, points: int = 2000) -> None:
        name = f"{modes} Gaussians on a circle"
        super().__init__(ModelRef(name, f"analytic-{modes}-{spread:g}-{points}"), torch.device("cpu"))
        angles = torch.arange(modes) * (2 * torch.pi / modes)
        self._means = torch.stack([angles.cos(), angles.sin()], dim=1)
        self._spread = spread
        self._points = points
        self.trained = TRAINED
        betas = torch.linspace(TRAINED["beta_start"] ** 0.5, TRAINED["beta_end"] ** 0.5, 1000) ** 2
        alphas = torch.cumprod(1 - betas, dim=0)
        self._log_sigmas = ((1 - alphas) / alphas).sqrt().log()

    @property
    def defaults(self) -> dict[str, Any]:
        return {"sampler": "dpm++2m", "steps": 20, "size": (256, 256)}

    def latent_shape(self, recipe: Recipe) -> tuple[int, ...]:
        return self._points, 2

    def condition(self, recipe: Recipe) -> tuple[Conditioning, Conditioning]:
        nothing = Conditioning(None, {})
        return nothing, nothing

    def check(self, recipe: Recipe) -> Recipe:
        return super().check(recipe.replace(prompt="")).replace(prompt=None)

    def forward(
        self,
        group: Hashable,
        latents: Tensor,
        timesteps: Tensor,
        conditionings: Sequence[Conditioning],
    ) -> Tensor:
        sigma = self._sigma(timesteps).view(-1, 1, 1)
        alpha = (1 + sigma * sigma).rsqrt()
        noise = sigma * alpha
        variance = (alpha * self._spread) ** 2 + noise**2
        offsets = latents[:, :, None, :] - alpha[..., None] * self._means  # (rows, points, modes, 2)
        weights = (-(offsets**2).sum(-1) / (2 * variance)).softmax(-1)
        return noise / variance * (weights[..., None] * offsets).sum(2)

    def decode(self, latents: Tensor) -> np.ndarray:
        """The points as a picture, dark on white, over the square from -1.5 to 1.5."""
        pictures = np.full((len(latents), 256, 256, 3), 255, np.uint8)
        places = ((latents.numpy() / 3 + 0.5) * 256).astype(int)
        for picture, points in zip(pictures, places, strict=True):
            inside = points[((points >= 0) & (points < 256)).all(1)]
            picture[255 - inside[:, 1], inside[:, 0]] = (40, 70, 160)
        return pictures

    def _sigma(self, timesteps: Tensor) -> Tensor:
        low = timesteps.floor().clamp(0, 999).long()
        part = (timesteps - low).clamp(0, 1)
        return ((1 - part) * self._log_sigmas[low] + part * self._log_sigmas[(low + 1).clamp(max=999)]).exp()
