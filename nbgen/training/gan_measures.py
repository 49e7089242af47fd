"""What can be counted on a GAN's pictures without any other network?  Nearest references, spread, outline, colours."""

from __future__ import annotations

import numpy as np

from nbgen.training.pictures import BACKGROUNDS, World


def nearest_references(pictures: np.ndarray, world: World) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each picture, uint8 (n, 64, 64, 3): the number of the nearest object, that of its background, the distance.

    Nearest among every object on every background, by root mean square difference, colours from 0 to 1.
    """
    made = pictures.reshape(len(pictures), -1).astype(np.float32) / 255
    columns = []
    for background in BACKGROUNDS:
        known = world.references(background).reshape(len(world.names), -1).astype(np.float32) / 255
        squares = (made**2).sum(axis=1)[:, None] + (known**2).sum(axis=1)[None] - 2 * made @ known.T
        columns.append(squares.clip(0) / made.shape[1])
    distances = np.stack(columns, axis=2).reshape(len(pictures), -1)
    best = distances.argmin(axis=1)
    thing, ground = np.divmod(best, len(BACKGROUNDS))
    return thing, ground, np.sqrt(distances[np.arange(len(best)), best])


def spread(pictures: np.ndarray) -> float:
    """How different pictures, uint8 (n, …), are: the mean root mean square difference of two, colours from 0 to 1."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float32) / 255
    squares = (flat**2).sum(axis=1)
    between = (squares[:, None] + squares[None] - 2 * flat @ flat.T).clip(0) / flat.shape[1]
    return float(np.sqrt(between[np.triu_indices(len(flat), 1)]).mean())


def silhouettes(pictures: np.ndarray, far: float = 48.0) -> np.ndarray:
    """Where each picture, uint8 (n, height, width, 3), is not its background: bool (n, height, width).

    The background is the median colour of the rim; what differs by more than `far` in some colour is the object.
    """
    rim = np.concatenate(
        [pictures[:, 0], pictures[:, -1], pictures[:, :, 0], pictures[:, :, -1]], axis=1
    ).astype(np.float32)
    ground = np.median(rim, axis=1)[:, None, None]
    return np.asarray(np.abs(pictures - ground).max(axis=3) > far)


def overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union of silhouettes, bool (n, height, width): (n,), 1 where both are empty."""
    both, either = (one & other).sum(axis=(1, 2)), (one | other).sum(axis=(1, 2))
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)


def colours(pictures: np.ndarray, bins: int = 4) -> np.ndarray:
    """Histogram of colours of each picture, uint8 (n, height, width, 3): (n, bins³), summing to 1."""
    places = pictures.astype(np.int64) * bins // 256
    number = (places[..., 0] * bins + places[..., 1]) * bins + places[..., 2]
    counts = [np.bincount(one.ravel(), minlength=bins**3) for one in number]
    return np.stack(counts) / number[0].size


def sharpness(pictures: np.ndarray) -> float:
    """Mean absolute difference of neighbouring pixels, colours from 0 to 1: blurred pictures have less."""
    values = pictures.astype(np.float32) / 255
    return float((np.abs(np.diff(values, axis=1)).mean() + np.abs(np.diff(values, axis=2)).mean()) / 2)
