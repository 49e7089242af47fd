"""Classifier-free guidance for rows that each have their own scale."""

from __future__ import annotations

from torch import Tensor


def guided(
    unconditional: Tensor, conditional: Tensor, scale: Tensor, rescale: Tensor | None = None
) -> Tensor:
    """u + s · (c - u), row by row (Ho & Salimans, arXiv 2207.12598, eq. 6, in the scale that diffusers uses).

    unconditional, conditional: (rows, …); scale, rescale: (rows, 1, …). With `rescale` φ, each row's standard
    deviation is drawn towards the conditional one's (arXiv 2305.08891, section 3.4).
    """
    combined = unconditional + scale * (conditional - unconditional)
    if rescale is None:
        return combined
    dims = tuple(range(1, combined.ndim))
    matched = combined * (conditional.std(dims, keepdim=True) / combined.std(dims, keepdim=True))
    return rescale * matched + (1 - rescale) * combined


def in_interval(interval: tuple[float, float] | None, number: int, total: int) -> bool:
    """Whether step `number` of `total` lies in the interval of the run in which guidance is on.

    The interval is in fractions of the run: (0, 1) is all of it (Kynkäänniemi et al., arXiv 2404.07724, who
    state it in noise levels).
    """
    if interval is None:
        return True
    return interval[0] * total <= number < interval[1] * total
