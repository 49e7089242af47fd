"""`nbgen.studio()`: a panel of controls in the cell, over the same verbs that code calls.

It holds no state of its own that code could not have: what it makes are Pictures, in the store like any other, and
its code is the call that makes them. Callbacks take a snapshot, hand the work to the follower and return.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from .. import session
from ..errors import NbgenError
from ..jobs import Job
from ..models.base import Model
from ..models.loading import find
from ..names import refuse_unknown
from ..picture import Picture, Pictures
from ..recipe import Recipe
from ..styling import styled
from ..verbs.making import as_model, generate
from ..verbs.watching import listening
from .actions import Actions
from .choosing import ModelChoice
from .comparing import CompareTab
from .controls import close_all
from .following import MOST_WAITING, Follower
from .framing import Frame
from .inserting import Place
from .laying_out import panel_of, side_by_side
from .looking_back import HistoryTab
from .parts import Stage, Strip
from .resulting import Results
from .routing import answer_anywhere
from .settings import Settings
from .walking import WalkTab
from .wording import Words


def studio(model: Any = None) -> Studio:
    """A panel of controls in the cell: prompt, settings, live preview, results, comparisons, walks and history.

    model: a Model or a name; left out, the notebook's own (see `nbgen.defaults`), which is "mini" at first

    The kernel stays free while it works. What it has made is there for the next cell: `studio.pictures` are the
    results, `studio.recipe` what Generate would make now, and `studio.code` the call that makes it. Raises
    ModelError for a model that cannot be loaded.

        panel = nbgen.studio()
        panel
    """
    return Studio(as_model(model))


class Studio:
    """A panel of controls. Shows itself in a cell; `pictures`, `recipe` and `code` are plain values."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._results = Results()
        self._words = Words()
        self._prompt = self._words.box
        self._stage = Stage(empty="Write what you want to see, and press Generate.")
        self._settings = Settings(model, lambda sentence: self._stage.tell(error=sentence))
        self._follower = Follower(self._changed)
        self._results_strip = self._results.strip
        self._place, self._compare = Place(), CompareTab(self)
        self._walk = WalkTab(self)
        self._history = HistoryTab(self)
        self._actions = Actions(self, self._results_strip)
        self._prompt.handlers |= {
            "generate": self._pressed,
            "typed": self._words.take,
            "stop": lambda _: self.stop(),
        }
        self._results_strip.observe(self._chosen, "chosen")
        self._models = ModelChoice(model, self.run, self._model_chosen)
        create = side_by_side(
            [self._prompt, self._models.box, self._settings.box],
            [self._stage, self._results_strip, self._actions.extra],
        )
        self.panel, self._tabs = panel_of(
            {
                "Create": create,
                "Compare": self._compare.box,
                "Interpolate": self._walk.box,
                "History": self._history.box,
            }
        )
        self._tabs.observe(self._tab_changed, "selected_index")
        self._fit()
        answer_anywhere(self.panel)
        self._frame = Frame(self.panel, lambda: self._results.still(repr(self)))

    @property
    def model(self) -> Model:
        """The model that Generate uses."""
        return self._model

    @property
    def pictures(self) -> Pictures:
        """The results so far, newest first."""
        return Pictures(self._results.pictures)

    @property
    def recipe(self) -> Recipe:
        """What Generate would make now, with the seed that stands in its field. Raises RecipeError."""
        return self._model.resolve(**self.fields(), seed=self.seed())

    @property
    def code(self) -> str:
        """The Python call that makes `recipe`."""
        return self.recipe.code()

    @property
    def busy(self) -> bool:
        """Whether the panel works on something."""
        return self._follower.busy

    def set(self, **fields: Any) -> None:
        """Put controls as these fields say, as a person would: `studio.set(prompt="a cat face", seed=7, count=4)`.

        Takes every field of the model, `style`, `count` and `model` itself. A seed that is set is locked, and None
        unlocks it; None puts any other control at the model's default. Fields without a control, such as adapters,
        are carried along and said in the panel. Raises NbgenError, changing nothing, for what cannot be.
        """
        model = self._model if fields.get("model") is None else as_model(fields["model"])
        refuse_unknown(fields, self._settings.known(model))
        recipe = self._settings.check(model, fields)
        self._use(model)
        self._settings.set(fields, recipe)
        if "prompt" in fields or "negative" in fields:
            prompt = fields.get("prompt", self._words.prompt)
            negative = fields.get("negative", self._words.negative)
            self._words.put(str(prompt or ""), str(negative or ""))

    def generate(self, prompt: str | None = None, negative: str | None = None) -> None:
        """What the Generate button does: make what the controls say, `count` of them. Returns at once."""
        if prompt is not None:
            self._words.prompt, self._words.negative = prompt, negative or ""
        try:
            seed, count, fields = self._settings.next_seed(), self._settings.count, self.fields()
        except NbgenError as error:
            self._stage.tell(error=str(error))
            return
        model = self._model
        self.run(
            lambda: generate(**fields, n=count, seed=seed, model=model, wait=False),
            self.keep,
            steps=fields.get("steps", 0) if count == 1 else 0,
        )

    def stop(self) -> None:
        """What the Stop button does: end the run under way, keep what is finished, forget what waits."""
        self._follower.stop()

    def wait(self, timeout: float = 3600) -> bool:
        """Wait until the panel has nothing left to do; returns whether that is so within `timeout` seconds."""
        return self._follower.wait(timeout)

    def run(
        self,
        begin: Callable[[], Any],
        ended: Callable[[Job], None],
        stage: Stage | None = None,
        steps: int = 0,
    ) -> None:
        """Call a verb with wait=False when its turn comes, follow its job on a stage, then call `ended(job)`.

        steps: those of its one picture, to be counted; 0 counts calls
        """
        stage = stage or self._stage

        def begin_and_listen() -> Job:
            with listening() as lines:
                job = begin()
            self._words.tell(lines)
            return job

        if not self._follower.follow(stage, begin_and_listen, ended, steps):
            stage.tell(error=f"{MOST_WAITING} runs wait already: let some of them finish, or press Stop.")

    def keep(self, job: Job) -> None:
        """The job's pictures become results, the first of them chosen; `nbgen.last` has what the verb returns."""
        made = job.pictures
        if not made:
            return
        self.remember(job.partial())
        self._results.add(made, self._actions.describe)
        self._stage.show(made[0])
        self._frame.refresh()

    def find(self, key: str) -> Picture | None:
        """The picture with this key, among the results and the history."""
        return next(
            (each for each in (*self._results.pictures, *self._history.pictures) if each.key == key), None
        )

    def shown(self, strip: Strip) -> Sequence[Picture]:
        """The pictures of a strip, in its order."""
        return self._results.pictures if strip is self._results_strip else self._history.pictures

    def recall(self, recipe: Recipe) -> None:
        """Every setting as this recipe has it, its model too. Raises NbgenError where that or its picture is gone."""
        self._use(self._model if recipe.model is None else find(recipe.model))
        self._settings.recall(recipe)
        self._words.put(str(recipe.prompt or ""), str(recipe.negative or ""))
        self._tabs.selected_index = 0

    def start_from(self, image: Any, mask: Any = None) -> None:
        """The next pictures start from this one, and change only where the mask is white."""
        self._settings.start_from(image, mask)
        self._tabs.selected_index = 0

    def compare_with(self, picture: Picture) -> None:
        """Open the Compare tab with this picture as its start."""
        self._compare.start_from(picture)
        self._tabs.selected_index = 1

    def embed(self, box: widgets.Box, children: list[Any]) -> None:
        """Show these controls in a box of the panel, in place of those before; they answer as the panel's own do."""
        before, box.children = box.children, tuple(children)
        close_all(*before)
        answer_anywhere(box)

    def insert(self, result: Any) -> None:
        """Put a result beneath the panel as an ordinary output, which stays in the notebook."""
        self._place.insert(result)

    def close(self) -> None:
        """Take the panel away, and let go of all that it holds. Its results stay in the store."""
        self.stop()
        self.wait()
        self._results.pictures.clear()
        close_all(self._frame, self.panel)

    def tell(self, words: str = "", *, error: str = "") -> None:
        """One line on the stage."""
        self._stage.tell(words, error=error)

    def _fit(self) -> None:
        """Only what the model has; its examples, and what can be done with its pictures."""
        model = self._model
        self._words.fit(model)
        self._settings.fit(model)
        for each in (self._actions, self._compare, self._history):
            each.fit(model)

    def fields(self) -> dict[str, Any]:
        """The fields of a recipe as the Create tab has them, the seed aside. Raises RecipeError."""
        return styled({**self._settings.values(), **self._words.fields()}, self._model.fields)

    def seed(self) -> int:
        """The seed that stands in its field. Raises RecipeError."""
        return self._settings.seed

    def remember(self, result: Any) -> None:
        """Make this what `nbgen.last` gives."""
        session.remember(result)

    def _pressed(self, message: dict[str, Any]) -> None:
        """Generate, with the words as they stand in the page at that moment."""
        self._words.take(message)
        self.generate()

    def _changed(self) -> None:
        busy = self._prompt.busy = self._follower.busy
        self._prompt.waiting = self._follower.waiting
        for tab in (self._compare, self._walk):
            tab.heard(busy)

    def _chosen(self, change: dict[str, Any]) -> None:
        picture = self.find(change["new"])
        if picture is not None:
            self._stage.show(picture)

    def _tab_changed(self, change: dict[str, Any]) -> None:
        if change["new"] == 3:
            self._history.look()

    def _use(self, model: Model) -> None:
        if model is not self._model:
            self._models.show(model)
            self._model_chosen(model)

    def _model_chosen(self, model: Model) -> None:
        self._model = model
        self._fit()
        self._stage.tell(f"{model.ref.name} is ready")

    def _ipython_display_(self) -> None:
        self._frame._ipython_display_()
        self._place.show()

    def __repr__(self) -> str:
        return f"Studio({self._model.ref.name!r}; see .pictures, .recipe, .code)"
