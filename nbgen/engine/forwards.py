"""One tick: the asks of many trajectories as few forwards as possible, and their answers handed back.

The forward is pure and is all that is tried again: when memory runs out it is halved, and answers go out only
when every part has succeeded.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from ..errors import OutOfMemoryError
from .asks import Ask, Conditioning, Drivable
from .memory import give_back, is_out_of_memory
from .observer import RunStats


class Forwards:
    """Runs ticks for one model, and remembers how many rows fitted into memory."""

    def __init__(self, model: Drivable, stats: RunStats) -> None:
        self._model = model
        self._stats = stats
        self.most_rows: int | None = None
        """The most rows a forward may have, since memory ran out above it; None while it never has."""

    def tick(self, asks: Sequence[Ask], rows: int) -> list[Tensor]:
        """The answers to all asks, in order: (rows of the ask, …) each. Raises OutOfMemoryError at one row."""
        places: dict[Hashable, list[tuple[int, int]]] = {}
        for number, ask in enumerate(asks):
            key = (ask.group, tuple(ask.latents.shape[1:]), ask.latents.dtype)
            places.setdefault(key, []).extend((number, row) for row in range(len(ask.latents)))
        answers: list[list[Tensor]] = [[None] * len(ask.latents) for ask in asks]  # type: ignore[list-item]
        for rows_of_group in places.values():
            distinct, copy_of = self._distinct(asks, rows_of_group)
            outputs = self._forward(asks, distinct, rows)
            for place, source in zip(rows_of_group, copy_of, strict=True):
                answers[place[0]][place[1]] = outputs[source]
        return [torch.stack(rows_of_ask) for rows_of_ask in answers]

    def _distinct(
        self, asks: Sequence[Ask], places: list[tuple[int, int]]
    ) -> tuple[list[tuple[int, int]], list[int]]:
        """The rows that differ, and for every row the one among them that answers it, known by lineage."""
        seen: dict[Hashable, int] = {}
        distinct: list[tuple[int, int]] = []
        copy_of: list[int] = []
        for place in places:
            ask = asks[place[0]]
            lineage = ask.lineages[place[1]]
            name: Hashable = place if lineage is None else (lineage, ask.conditionings[place[1]].name)
            if name not in seen:
                seen[name] = len(distinct)
                distinct.append(place)
            copy_of.append(seen[name])
        self._stats.rows_saved += len(places) - len(distinct)
        return distinct, copy_of

    def _forward(self, asks: Sequence[Ask], places: list[tuple[int, int]], rows: int) -> list[Tensor]:
        done: list[Tensor] = []
        while len(done) < len(places):
            most = min(rows, self.most_rows or rows)
            part = places[len(done) : len(done) + most]
            try:
                done.extend(self._part(asks, part))
                continue
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                message = str(error)[:200]
            # Out of the except block, so that the traceback no longer holds the forward's tensors.
            self._stats.out_of_memory += 1
            give_back(self._model.device)
            if len(part) == 1:
                raise OutOfMemoryError(
                    f"memory ran out for a single row ({message}). Close other programs, choose a smaller size, "
                    'or load the model with dtype="float16".'
                ) from None
            self.most_rows = len(part) // 2
        return done

    def _part(self, asks: Sequence[Ask], part: list[tuple[int, int]]) -> list[Tensor]:
        """One denoiser forward."""
        group = asks[part[0][0]].group
        latents, timesteps = _gather(asks, part)
        conditionings: list[Conditioning] = [asks[number].conditionings[row] for number, row in part]
        started = time.perf_counter()
        with torch.no_grad():
            answers = self._model.forward(group, latents, timesteps, conditionings)
            if answers.is_cuda:
                torch.cuda.synchronize(answers.device)
        self._stats.forward += time.perf_counter() - started
        self._stats.rows += len(part)
        return list(answers)


def _gather(asks: Sequence[Ask], part: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """Whole asks are concatenated as they are; only a split one is taken row by row."""
    latents: list[Tensor] = []
    timesteps: list[Tensor] = []
    at = 0
    while at < len(part):
        number, row = part[at]
        end = at
        while end + 1 < len(part) and part[end + 1] == (number, part[end][1] + 1):
            end += 1
        span = slice(row, part[end][1] + 1)
        latents.append(asks[number].latents[span])
        timesteps.append(asks[number].timesteps[span].float())
        at = end + 1
    return torch.cat(latents), torch.cat(timesteps)
