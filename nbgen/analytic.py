"""A model whose answers are exact: points in the plane drawn from a mixture of Gaussians.

Its denoiser is a formula, so that samplers can be measured without any network's error. A "picture" of it is
a cloud of points.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, eq=False)
class Mixture:
    """Σₖ wₖ N(μₖ, sₖ²·I) in the plane. means: (k, 2); spreads, the sₖ, and weights: (k,); all float64.

    A point x₀ of it with noise is x = αx₀ + σε, whose density is again a mixture: means αμₖ and variances
    vₖ = α²sₖ² + σ². Everything below is exact for that density; α and σ are numbers, or tensors that broadcast
    against x without its last dimension. α = 1 and σ = 0 is the mixture itself. Answers have the dtype of x.
    """

    means: Tensor
    spreads: Tensor
    weights: Tensor

    @classmethod
    def even(cls, means: Tensor, spread: float) -> Mixture:
        """Equal weights and one spread."""
        count = len(means)
        kind = torch.float64
        return cls(
            means.to(kind),
            torch.full((count,), spread, dtype=kind),
            torch.full((count,), 1 / count, dtype=kind),
        )

    def part(self, members: Tensor) -> Mixture:
        """The mixture of some of the Gaussians; `members` is a boolean (k,)."""
        weights = self.weights[members]
        return Mixture(self.means[members], self.spreads[members], weights / weights.sum())

    def log_density(self, x: Tensor, alpha: float | Tensor = 1.0, sigma: float | Tensor = 0.0) -> Tensor:
        """log p(x) of points (…, 2), in nats."""
        return self._terms(x, alpha, sigma)[0].logsumexp(-1)

    def score(self, x: Tensor, alpha: float | Tensor = 1.0, sigma: float | Tensor = 0.0) -> Tensor:
        """∇ log p(x), (…, 2)."""
        return -self._mean_pull(x, alpha, sigma)

    def epsilon(self, x: Tensor, alpha: float | Tensor, sigma: float | Tensor) -> Tensor:
        """E[ε | x] = -σ ∇ log p(x)."""
        return _column(sigma, x) * self._mean_pull(x, alpha, sigma)

    def x0(self, x: Tensor, alpha: float | Tensor, sigma: float | Tensor) -> Tensor:
        """E[x₀ | x], which Tweedie's formula gives as (x + σ² ∇ log p)/α; exact at α = 0 too."""
        terms, offsets, variances = self._terms(x, alpha, sigma)
        shrinking = _column(alpha, x)[..., None] * (self.spreads.to(x) ** 2 / variances)[..., None]
        return (terms.softmax(-1)[..., None] * (self.means.to(x) + shrinking * offsets)).sum(-2)

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points (count, 2) in float32, and which of the Gaussians each came from, (count,)."""
        chosen = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        noise = torch.randn(count, 2, generator=generator)
        return self.means[chosen].float() + self.spreads[chosen, None].float() * noise, chosen

    def _terms(
        self, x: Tensor, alpha: float | Tensor, sigma: float | Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """log(wₖ N(x; αμₖ, vₖ)), (…, k); x - αμₖ, (…, k, 2); vₖ, (…, k)."""
        alphas, sigmas = _column(alpha, x), _column(sigma, x)
        offsets = x[..., None, :] - alphas[..., None] * self.means.to(x)
        variances = (alphas * self.spreads.to(x)) ** 2 + sigmas**2
        squares = offsets[..., 0] ** 2 + offsets[..., 1] ** 2
        terms = self.weights.to(x).log() - squares / (2 * variances) - (2 * torch.pi * variances).log()
        return terms, offsets, variances

    def _mean_pull(self, x: Tensor, alpha: float | Tensor, sigma: float | Tensor) -> Tensor:
        """Σₖ rₖ (x - αμₖ)/vₖ with the posterior weights rₖ."""
        terms, offsets, variances = self._terms(x, alpha, sigma)
        return ((terms.softmax(-1) / variances)[..., None] * offsets).sum(-2)


def _column(value: float | Tensor, x: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=x.dtype)[..., None]


class GaussianMixture(DrivenModel):
    """`modes` Gaussians of standard deviation `spread`, evenly on the unit circle; `points` of them a picture.

    The latent is (points, 2). The answer at noise level t is ε = -σₜ ∇ log pₜ(x), where pₜ is again a mixture:
    means αₜ·μ and variance αₜ²·spread² + σₜ². Between whole timesteps log σ/α is interpolated, as the
    schedulers of diffusers do.

    Any other `mixture` may take the circle's place, and `trained` another schedule and prediction type
    ("epsilon", "sample" or "v_prediction"; with kind "flow" the answer is the velocity ε - x₀).
    """

    family = "analytic"
    fields = frozenset({"seed", "sampler", "schedule", "steps", "size", "options"})

    def __init__(
        self,
        modes: int = 8,
        spread: float = 0.15,
        points: int = 2000,
        *,
        mixture: Mixture | None = None,
        trained: Mapping[str, Any] | None = None,
        kind: str = "diffusion",
    ) -> None:
        name = f"{modes} Gaussians on a circle"
        fingerprint = f"analytic-{modes}-{spread:g}-{points}"
        if mixture is None:
            mixture = circle(modes, spread)
        else:
            name = f"{len(mixture.means)} Gaussians"
            fingerprint = f"analytic-{_fingerprint(mixture)}-{points}"
        super().__init__(ModelRef(name, fingerprint), torch.device("cpu"))
        self.mixture = mixture
        self.kind = kind
        self._points = points
        self.trained = dict(TRAINED if trained is None else trained)
        if kind != "flow":
            self._log_sigmas = log_sigmas(self.trained)

    @property
    def defaults(self) -> dict[str, Any]:
        return {"sampler": "euler" if self.kind == "flow" else "dpm++2m", "steps": 20, "size": (256, 256)}

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
        # In float64 inside, so that two programs that sum in another order agree after many steps.
        alpha, sigma = (level.view(-1, 1) for level in self.levels(timesteps.double()))
        kind = "flow" if self.kind == "flow" else self.trained["prediction_type"]
        return predicted(self.mixture, kind, latents.double(), alpha, sigma).to(latents.dtype)

    def levels(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """α and σ at these timesteps."""
        if self.kind == "flow":
            sigma = timesteps / 1000
            return 1 - sigma, sigma
        ratio = self._sigma(timesteps)
        alpha = (1 + ratio * ratio).rsqrt()
        return alpha, (1 + ratio.reciprocal() ** 2).rsqrt()

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


def predicted(mixture: Mixture, kind: str, x: Tensor, alpha: float | Tensor, sigma: float | Tensor) -> Tensor:
    """The exact prediction of a kind: "epsilon", "sample" (x₀), "v_prediction" (αε - σx₀) or "flow" (ε - x₀)."""
    if kind == "epsilon":
        return mixture.epsilon(x, alpha, sigma)
    if kind == "sample":
        return mixture.x0(x, alpha, sigma)
    epsilon, x0 = mixture.epsilon(x, alpha, sigma), mixture.x0(x, alpha, sigma)
    if kind == "flow":
        return epsilon - x0
    return _column(alpha, x) * epsilon - _column(sigma, x) * x0


def log_sigmas(trained: Mapping[str, Any]) -> Tensor:
    """log σ/α at each timestep of training, float64: what diffusers' schedulers have, without importing them.

    The last one of a zero-SNR schedule, infinite by right, is that of a ᾱ of 2⁻²⁴, as diffusers' Euler has it.
    """
    count = trained["num_train_timesteps"]
    if trained["beta_schedule"] == "squaredcos_cap_v2":
        bar = [math.cos((place / count + 0.008) / 1.008 * math.pi / 2) ** 2 for place in range(count + 1)]
        betas = torch.tensor([min(1 - after / before, 0.999) for before, after in itertools.pairwise(bar)])
    else:
        power = 0.5 if trained["beta_schedule"] == "scaled_linear" else 1.0
        ends = trained["beta_start"] ** power, trained["beta_end"] ** power
        betas = torch.linspace(*ends, count) ** (1 / power)
    alphas = torch.cumprod(1 - betas, 0)
    # arXiv 2305.08891, algorithm 1, by way of the betas as diffusers goes
    if trained.get("rescale_betas_zero_snr"):
        roots = alphas.sqrt()
        alphas = ((roots - roots[-1]) * (roots[0] / (roots[0] - roots[-1]))) ** 2
        betas = 1 - torch.cat([alphas[:1], alphas[1:] / alphas[:-1]])
        alphas = torch.cumprod(1 - betas, 0)
    alphas = alphas.double()
    alphas = torch.where(alphas > 0, alphas, 2.0**-24)
    return ((1 - alphas) / alphas).sqrt().log()


def circle(modes: int = 8, spread: float = 0.15) -> Mixture:
    """Equal Gaussians, evenly on the unit circle."""
    angles = torch.arange(modes, dtype=torch.float64) * (2 * torch.pi / modes)
    return Mixture.even(torch.stack([angles.cos(), angles.sin()], dim=1), spread)


def _fingerprint(mixture: Mixture) -> str:
    parts = (mixture.means, mixture.spreads, mixture.weights)
    return hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest()[:16]
