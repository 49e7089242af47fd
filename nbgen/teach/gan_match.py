"""One run, or two from one seed with one difference: how are they played together, and what is known of them?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .gan_look import Look
from .gan_run import Run
from .gan_settings import LIVE, GanError, Settings, beside, with_changes, words, written

TRACE, EARLY_TRACE, EARLY = 50, 10, 100
"""Steps between the measurements that the curve of the divergence is drawn from: more of them until step `EARLY`."""


class Match:
    """Runs that are always at the same step. Whatever raises leaves the last good state.

    difference: the one setting in which the second run differs, from step `since` on; empty for a single run.
    """

    def __init__(self, settings: Settings, difference: Mapping[str, Any], since: int = 0) -> None:
        other = beside(settings, difference, since)
        self.settings, self.difference, self.since = settings, dict(difference), since
        self.runs = [Run(settings)]
        if other is not None:
            self.runs.append(Run(settings if since else other))
        self.moved = ""
        self._traces: list[dict[int, dict[str, Any]]] = [{} for _ in self.runs]
        self._looks: list[tuple[Any, Look] | None] = [None for _ in self.runs]
        self._trace()

    @property
    def step(self) -> int:
        """Steps played so far."""
        return self.runs[0].step

    @property
    def titles(self) -> list[str]:
        """A name for each run: what sets it apart."""
        if not self.difference:
            return [""]
        ((name, value),) = self.difference.items()
        when = f" from step {self.since}" if self.since else ""
        usual = getattr(self.settings, name)
        return [f"{words(name)}: {written(usual)}", f"{words(name)}: {written(value)}{when}"]

    def run(self, which: int) -> Run:
        """Run 0, or 1 for the one beside. Raises GanError."""
        if isinstance(which, bool) or which not in range(len(self.runs)):
            known = "run 0 and run 1" if len(self.runs) > 1 else "one run, number 0"
            raise GanError(f"there is {known}, not {which!r:.40}.")
        return self.runs[which]

    def play(self, count: int, move: str) -> None:
        """So many moves of every run. Raises GanError; all are then at the last step that was good for all."""
        self.moved = move
        end = self.step + count
        for known in self._traces:
            for later in [step for step in known if step > self.step]:
                del known[later]
        while self.step < end:
            here = self.step
            every = EARLY_TRACE if here < EARLY else TRACE
            stops = {end, (here // every + 1) * every} | ({self.since} if self.since > here else set())
            try:
                for number, run in enumerate(self.runs):
                    run.adopt(self._settings_of(number, here))
                    run.play(min(stops) - here, move)
            except GanError:
                together = min(run.step for run in self.runs)
                for run in self.runs:
                    run.cut(together)
                raise
            self._trace()

    def rewind(self, step: int) -> None:
        """To any step that was played, with the settings of that moment. Raises GanError."""
        for run in self.runs:
            run.rewind(step)
        self.settings, self.moved = self.runs[0].settings, ""

    def adopt(self, settings: Settings) -> None:
        """Play on under these settings, which differ only in what is `LIVE`. Raises GanError."""
        beside(settings, self.difference, self.since)
        self.settings = settings
        for number, run in enumerate(self.runs):
            run.adopt(self._settings_of(number, run.step))

    def changed(self, settings: Settings, names: Mapping[str, Any]) -> Match:
        """This match where these settings may change in the middle of it, else a new one. Raises GanError."""
        differing = [name for name in names if getattr(settings, name) != getattr(self.settings, name)]
        for name in differing:
            if name in self.difference:
                raise GanError(
                    f"{name} is what the two runs differ in: `beside()` takes the second one away."
                )
        if not all(name in LIVE for name in differing):
            return Match(settings, self.difference, self.since)
        if differing:
            self.adopt(settings)
        return self

    def next_move(self) -> str:
        """Whose turn it is in slow motion: k times D, then G."""
        turns = 0
        for part in reversed(self.runs[0].history()):
            if part.move != "D":
                break
            turns += part.count
        return "D" if turns < self.settings.k else "G"

    # What is known of the runs.

    def look(self, number: int) -> Look:
        """What is seen of a run now; made once for each step."""
        run, known = self.runs[number], self._looks[number]
        key = (run.step, run.settings)
        if known is None or known[0] != key:
            known = (key, Look(run))
            self._looks[number] = known
        return known[1]

    def trace_of(self, number: int) -> tuple[list[int], list[dict[str, Any]]]:
        """Steps and measurements, up to the furthest step."""
        known = self._traces[number]
        steps = sorted(known)
        return steps, [known[step] for step in steps]

    def _settings_of(self, number: int, step: int) -> Settings:
        if number == 0 or not self.difference or step < self.since:
            return self.settings
        return with_changes(self.settings, self.difference)

    def _trace(self) -> None:
        if self.step % (EARLY_TRACE if self.step < EARLY else TRACE) == 0:
            for number, known in enumerate(self._traces):
                known[self.step] = self.look(number).measured
