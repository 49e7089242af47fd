"""What a run tells whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # whoever watches needs no torch
    from .asks import Step


@dataclass
class RunStats:
    """Where the time of a run went, in seconds, and how full its forwards were."""

    wall: float = 0.0
    forward: float = 0.0
    decode: float = 0.0
    ticks: int = 0
    rows: int = 0
    rows_saved: int = 0
    """Rows that were identical to another row of the same tick, and so were not computed."""
    out_of_memory: int = 0

    @property
    def forward_share(self) -> float:
        """The part of the wall time that was spent inside the denoiser's forward, 0 to 1."""
        return self.forward / self.wall if self.wall else 0.0


class Observer:
    """Watches a run; every method may be left as it is. Called from the thread that runs the model."""

    wants_steps: bool = False
    """Whether `step` is called. It costs clones of every latent, so it is off by default."""

    def tick(self, calls_done: int, calls_total: int) -> None:
        """A tick ended. Calls are denoiser evaluations, summed over pictures."""

    def step(self, event: Step) -> None:
        """One picture made one step."""

    def picture(self, index: int, picture: Any) -> None:
        """The recipe at `index` is finished."""

    def failed(self, index: int, error: Exception) -> None:
        """The recipe at `index` cannot be finished; the others go on."""

    def ended(self, stats: RunStats) -> None:
        """The run ended, was stopped, or failed."""

    def stopping(self) -> bool:
        """Asked once a tick: True ends the run, keeping every finished picture."""
        return False
