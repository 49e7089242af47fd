"""Which setting do people prefer, if they cannot know which is which? Pairs without labels, votes, a ranking."""

from __future__ import annotations

import itertools
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure
from PIL import Image

from .. import unshown
from ..errors import RecipeError, brief
from ..layout import Layout, listed
from ..picture import Picture
from ..show.intervals import interval_figure
from ..show.ranking import Ranking, Vote, rank
from ..show.table import Table
from ..values import as_whole, canonical_seed
from .grid import Grid

CHOICES = {"left": "l", "right": "r", "tie": "="}
"""What can be answered, and the letter that stands for it in `answers`."""
_LETTERS = {letter: choice for choice, letter in CHOICES.items()}


def blind(
    grid: Grid, by: str | None = None, *, n: int | None = None, seed: int | None = None, answers: str = ""
) -> BlindTest:
    """Compare settings without knowing which is which: pairs are shown unlabelled, in random order and on random sides.

    grid: what `nbgen.compare` returned
    by: the axis whose settings are compared; left out, the only one beside the seeds
    n: questions at most; left out, every pair at every seed (and prompt, …). The first ones are as even over the
        pairs as all are, so that stopping early is fair
    seed: of the order; left out, one is drawn
    answers: those given before, as the finished test's `code` has them

    Two pictures of a pair differ in the setting alone. Show the result in a cell and answer; then `ranking()` has the
    strengths with intervals. Raises RecipeError where there is nothing to compare.

        test = nbgen.blind(grid, by="sampler")
        test
        test.ranking()      # a later cell
    """
    if not isinstance(grid, Grid):
        raise RecipeError(f"blind takes a grid, as nbgen.compare returns it, not {type(grid).__name__}.")
    axis = _axis(grid.layout, by)
    drawn = secrets.randbelow(2**32) if seed is None else canonical_seed(seed)
    test = BlindTest(grid, axis, drawn, _questions(grid, axis, random.Random(drawn)), n)
    if not isinstance(answers, str) or set(answers) - set(_LETTERS):
        raise RecipeError(f"answers hold l, r and = for left, right and neither, not {brief(answers)}.")
    if len(answers) > len(test):
        raise RecipeError(f"there are {len(test)} questions, and these are {len(answers)} answers.")
    for letter in answers:
        test.vote(_LETTERS[letter])
    return test


@dataclass(frozen=True)
class _Question:
    """Two cells of the grid, and the number of the group that they are both of."""

    left: int
    right: int
    group: int


class BlindTest:
    """Questions, answers and what follows. Shows itself in a cell; `vote` and `pair` are the same in code."""

    def __init__(
        self, grid: Grid, axis: int, seed: int, questions: list[_Question], n: int | None = None
    ) -> None:
        if not questions:
            raise RecipeError("no two settings have a picture at the same seed, so there is nothing to ask.")
        count = len(questions) if n is None else as_whole("n", n)
        if count < 1:
            raise RecipeError(f"n is how many questions are asked, from 1, not {count}.")
        self._grid = grid
        self._axis = axis
        self._questions = questions[:count]
        self._possible = len(questions)
        self._answers: list[str] = []
        self.seed = seed

    def __len__(self) -> int:
        """How many questions there are."""
        return len(self._questions)

    @property
    def grid(self) -> Grid:
        return self._grid

    @property
    def by(self) -> str:
        """The axis that is compared."""
        return self._grid.layout.axes[self._axis].title

    @property
    def answered(self) -> int:
        return len(self._answers)

    @property
    def done(self) -> bool:
        """Whether every question has its answer."""
        return self.answered == len(self)

    @property
    def answers(self) -> str:
        """The answers so far, a letter each: l, r or =."""
        return "".join(CHOICES[answer] for answer in self._answers)

    @property
    def arguments(self) -> str:
        """What follows the grid in the call that gives this test again, with its answers."""
        cut = f", n={len(self)}" if len(self) < self._possible else ""
        return f"by={self.by!r}{cut}, seed={self.seed}, answers={self.answers!r}"

    def pair(self) -> tuple[Image.Image, Image.Image]:
        """The two pictures that are asked about now, left and right: pixels, and nothing that tells more."""
        if self.done:
            raise RecipeError("every question has its answer: see ranking().")
        question = self._questions[self.answered]
        return self._image(question.left), self._image(question.right)

    def vote(self, choice: str) -> None:
        """Answer the question: "left", "right", or "tie" where neither is better."""
        if choice not in CHOICES:
            raise RecipeError(
                f"an answer is {listed([repr(each) for each in CHOICES])}, not {brief(choice)}."
            )
        if self.done:
            raise RecipeError("every question has its answer: see ranking().")
        self._answers.append(choice)

    def undo(self) -> None:
        """Take the last answer back."""
        if self._answers:
            self._answers.pop()

    def standings(self) -> Ranking:
        """The ranking as numbers: strengths in log-odds, with 95% intervals (see `show.ranking` for the model)."""
        return rank(list(self._votes()), self._grid.layout.axes[self._axis].labels)

    def ranking(self) -> Table:
        """A row for each setting, best first; from the answers so far, so look at it when you have done.

        "preferred" is how often it would be preferred to an average setting where somebody prefers either, "from"
        and "to" the ends of the 95% interval. Raises RecipeError before the first answer.
        """
        labels = self._grid.layout.axes[self._axis].labels
        rows = []
        for each in self.standings().standings:
            ranks = (each.best_rank, each.worst_rank)
            rows.append(
                {
                    self.by: labels[each.setting],
                    "preferred": each.beats_average,
                    "from": each.lowest,
                    "to": each.highest,
                    "rank": "" if None in ranks else "–".join(map(str, dict.fromkeys(ranks))),
                    "wins": each.wins,
                    "ties": each.ties,
                    "losses": each.losses,
                }
            )
        return Table(rows)

    @property
    def verdict(self) -> str:
        """What the answers so far say, in sentences: who leads, and whether one side was favoured."""
        left, right = self._answers.count("left"), self._answers.count("right")
        leaning = ""
        # Beyond two standard deviations of a fair coin.
        if left + right >= 10 and abs(left - right) > 2 * (left + right) ** 0.5:
            side = "left" if left > right else "right"
            leaning = f" The {side} one was chosen {max(left, right)} times of {left + right}: mind that."
        return self.standings().verdict + leaning

    def figure(self) -> Figure:
        """The ranking as a matplotlib Figure: a point and its interval for each setting."""
        rows = self.ranking()
        return interval_figure(
            [str(row[self.by]) for row in rows],
            [(row["preferred"], row["from"], row["to"]) for row in rows],
            title=f"{self.by}: {self.answered} blind votes",
            axis="how often it is preferred to the average one",
            note=self.verdict,
        )

    def _votes(self) -> Iterator[Vote]:
        for question, answer in zip(self._questions, self._answers, strict=False):
            left, right = (self._setting(number) for number in (question.left, question.right))
            preferred = {"left": left, "right": right, "tie": None}[answer]
            yield Vote(left, right, preferred, question.group)

    def _setting(self, number: int) -> int:
        return self._grid.layout.cells[number].index[self._axis]

    def _image(self, number: int) -> Image.Image:
        return _bare(self._grid.pictures_at[number])

    def _ipython_display_(self) -> None:
        from ..widgets.blinding import BlindPanel

        unshown.shown(self._grid)
        BlindPanel(self)._ipython_display_()

    def __repr__(self) -> str:
        settings = len(self._grid.layout.axes[self._axis])
        return f"BlindTest({self.by}: {settings} settings, {self.answered} of {len(self)} questions answered)"


def _bare(picture: Picture) -> Image.Image:
    """The pixels alone: no recipe, no name, no text of a file."""
    return Image.frombytes("RGB", picture.size, picture.pixels().tobytes())


def _axis(layout: Layout, by: str | None) -> int:
    if by is not None:
        axis = layout.axis_number(str(by))
    else:
        several = [number for number, each in enumerate(layout.axes) if each.fields != ("seed",)]
        if len(several) != 1:
            titles = listed([repr(layout.axes[number].title) for number in several])
            raise RecipeError(
                f"say which axis is compared, as in by={layout.axes[several[0]].title!r}: there are {titles}."
                if several
                else "the seeds are all that varies: compare settings, or say by='seed'."
            )
        axis = several[0]
    if len(layout.axes[axis]) < 2:
        raise RecipeError(f"there is one {layout.axes[axis].title} only, so there is nothing to compare.")
    return axis


def _questions(grid: Grid, axis: int, generator: random.Random) -> list[_Question]:
    """Every pair of settings in every group, in rounds that hold each pair once, sides and order at random."""
    layout = grid.layout
    groups: dict[tuple[int, ...], dict[int, int]] = {}
    for number, cell in enumerate(layout.cells):
        if number in grid.pictures_at:
            rest = (*cell.index[:axis], *cell.index[axis + 1 :])
            groups.setdefault(rest, {})[cell.index[axis]] = number
    by_pair: dict[tuple[int, int], list[_Question]] = {}
    for place, cells in enumerate(groups.values()):
        for one, other in itertools.combinations(sorted(cells), 2):
            sides = [cells[one], cells[other]]
            generator.shuffle(sides)
            by_pair.setdefault((one, other), []).append(_Question(sides[0], sides[1], place))
    rounds: list[_Question] = []
    for asked in by_pair.values():
        generator.shuffle(asked)
    for number in range(max(map(len, by_pair.values()), default=0)):
        one_each = [asked[number] for asked in by_pair.values() if number < len(asked)]
        generator.shuffle(one_each)
        rounds += one_each
    return rounds
