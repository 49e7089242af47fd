"""`nbgen.studio()`: a panel of controls in the cell, over the same verbs that code calls.

It holds no state of its own that code could not have: what it makes are Pictures, in the store like any other, and
its code is the call that makes them. Callbacks take a snapshot, hand the work to the follower and return.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from .. import session
from ..errors import NbgenError, RecipeError
from ..jobs import Job
from ..models.base import Model
from ..names import check_fields
from ..picture import Picture, Pictures
from ..recipe import Recipe
from ..styling import styled
from ..verbs.making import as_model, generate
from ..verbs.watching import listening
from .actions import Actions
from .choosing import ModelChoice
from .comparing import CompareTab
from .following import MOST_WAITING, Follower
from .framing import Frame, sign
from .inserting import Place
from .looking_back import HistoryTab
from .parts import PromptBox, Stage, Strip
from .routing import answer_anywhere
from .settings import Settings
from .walking import WalkTab

MOST_KEPT = 60
"""Pictures in the strip of results; the History tab has the others."""
MOST_IN_FILE = 12
"""Results on the sheet that the notebook keeps of the panel, the latest."""


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
        self._results: list[Picture] = []
        self._words = ("", "")
        self._prompt = PromptBox()
        self._stage = Stage(empty="Write what you want to see, and press Generate.")
        self._settings = Settings(model)
        self._settings.on_error = lambda sentence: self._stage.tell(error=sentence)
        self._follower = Follower(self._changed)
        self._place = Place()
        self._results_strip = Strip(title="Results", empty="What you generate appears here.")
        self._compare = CompareTab(self)
        self._walk = WalkTab(self)
        self._history = HistoryTab(self)
        self._actions = Actions(self, self._results_strip)
        self._prompt.handlers |= {
            "generate": lambda message: self.generate(*_words(message)),
            "typed": lambda message: self._typed(*_words(message)),
            "stop": lambda message: self.stop(),
        }
        self._results_strip.observe(self._chosen, "chosen")
        self._models = ModelChoice(model, self.run, self._model_chosen)
        self.panel = self._laid_out()
        self._fit()
        answer_anywhere(self.panel)
        self._frame = Frame(self.panel, self._still)

    @property
    def model(self) -> Model:
        """The model that Generate uses."""
        return self._model

    @property
    def pictures(self) -> Pictures:
        """The results so far, newest first."""
        return Pictures(self._results)

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

        A seed that is set is locked. Raises RecipeError, changing nothing, for a field the panel does not have.
        """
        known = self._settings.names | ({"prompt", "negative"} & self._model.fields)
        problems = check_fields(fields, known)
        if problems:
            raise RecipeError(" ".join(problems))
        words = {name: str(fields.pop(name)) for name in ("prompt", "negative") if name in fields}
        self._settings.set(**fields)
        self._words = words.get("prompt", self._words[0]), words.get("negative", self._words[1])
        if words:
            self._prompt.write(*self._words)

    def generate(self, prompt: str | None = None, negative: str | None = None) -> None:
        """What the Generate button does: make what the controls say, `count` of them. Returns at once."""
        if prompt is not None:
            self._words = prompt, negative or ""
        try:
            seed, count, fields = self._settings.next_seed(), self._settings.count, self.fields()
        except NbgenError as error:
            self._stage.tell(error=str(error))
            return
        model = self._model
        self.run(lambda: generate(**fields, n=count, seed=seed, model=model, wait=False), self.keep)

    def stop(self) -> None:
        """What the Stop button does: end the run under way, keep what is finished, forget what waits."""
        self._follower.stop()

    def wait(self, timeout: float = 3600) -> bool:
        """Wait until the panel has nothing left to do; returns whether that is so within `timeout` seconds."""
        return self._follower.wait(timeout)

    def run(self, begin: Callable[[], Any], ended: Callable[[Job], None], stage: Stage | None = None) -> None:
        """Call a verb with wait=False when its turn comes, follow its job on a stage, then call `ended(job)`."""
        stage = stage or self._stage

        def begin_and_listen() -> Job:
            with listening() as lines:
                job = begin()
            self._tell(lines)
            return job

        if not self._follower.follow(stage, begin_and_listen, ended):
            stage.tell(error=f"{MOST_WAITING} runs wait already: let some of them finish, or press Stop.")

    def keep(self, job: Job) -> None:
        """The job's pictures become results, the first of them chosen; `nbgen.last` has what the verb returns."""
        made = job.pictures
        if not made:
            return
        self.remember(job.partial())
        new = {picture.key: picture for picture in made}
        self._results = [*new.values(), *(old for old in self._results if old.key not in new)][:MOST_KEPT]
        self._results_strip.fill(self._results, self._actions.describe)
        self._results_strip.chosen = made[0].key
        self._stage.show(made[0])
        self._frame.refresh()

    def find(self, key: str) -> Picture | None:
        """The picture with this key, among the results and the history."""
        return next((each for each in (*self._results, *self._history.pictures) if each.key == key), None)

    def recall(self, recipe: Recipe) -> None:
        """Every setting as this recipe has it."""
        self._words = str(recipe.prompt or ""), str(recipe.negative or "")
        self._prompt.write(*self._words)
        self._settings.recall(recipe)
        self._tabs.selected_index = 0
        self._typed(*self._words)

    def start_from(self, image: Any, mask: Any = None) -> None:
        """The next pictures start from this one, and change only where the mask is white."""
        self._settings.start_from(image, mask)
        self._tabs.selected_index = 0

    def compare_with(self, picture: Picture) -> None:
        """Open the Compare tab with this picture as its start."""
        self._compare.start_from(picture)
        self._tabs.selected_index = 1

    def embed(self, box: widgets.Box, children: list[Any]) -> None:
        """Show these controls in a box of the panel; they answer as the panel's own do."""
        box.children = tuple(children)
        answer_anywhere(box)

    def insert(self, result: Any) -> None:
        """Put a result beneath the panel as an ordinary output, which stays in the notebook."""
        self._place.insert(result)

    def tell(self, words: str = "", *, error: str = "") -> None:
        """One line on the stage."""
        self._stage.tell(words, error=error)

    def _laid_out(self) -> widgets.VBox:
        left = widgets.VBox([self._prompt, self._models.box, self._settings.box], layout={"width": "340px"})
        right = widgets.VBox([self._stage, self._actions.extra, self._results_strip])
        right.layout = widgets.Layout(flex="1 1 320px", min_width="0")
        self._create = widgets.HBox([left, right], layout={"flex_flow": "row wrap", "grid_gap": "16px"})
        self._tabs = widgets.Tab(
            [self._create, self._compare.box, self._walk.box, self._history.box],
            titles=("Create", "Compare", "Interpolate", "History"),
        )
        self._tabs.observe(self._tab_changed, "selected_index")
        panel = widgets.VBox([self._tabs])
        panel.add_class("nbgen-panel")
        return panel

    def _fit(self) -> None:
        """Only what the model has; its examples, and what can be done with its pictures."""
        model = self._model
        self._prompt.reads = "prompt" in model.fields
        self._prompt.denies = "negative" in model.fields
        examples = model.vocabulary.examples if model.vocabulary is not None else ("a lighthouse at dusk",)
        self._prompt.example = examples[0]
        self._settings.fit(model)
        self._actions.fit(model)
        self._compare.fit(model)

    def fields(self) -> dict[str, Any]:
        """The fields of a recipe as the Create tab has them, the seed aside. Raises RecipeError."""
        prompt, negative = self._words
        fields = self._settings.values()
        if "prompt" in self._model.fields:
            fields["prompt"] = prompt
        if negative and "negative" in self._model.fields:
            fields["negative"] = negative
        return styled(fields, self._model.fields)

    def seed(self) -> int:
        """The seed that stands in its field. Raises RecipeError."""
        return self._settings.seed

    def remember(self, result: Any) -> None:
        """Make this what `nbgen.last` gives."""
        session.remember(result)

    def _typed(self, prompt: str, negative: str) -> None:
        """What the model makes of the words: how many tokens, and which words it does not know."""
        self._words = prompt, negative
        self._prompt.prompt, self._prompt.negative = prompt, negative
        self._prompt.told = self._model.reading(prompt) if "prompt" in self._model.fields else ""

    def _tell(self, lines: list[str]) -> None:
        self._prompt.told = " ".join(line for line in lines if not line.startswith("Seed drawn"))

    def _changed(self) -> None:
        self._prompt.busy = self._follower.busy
        self._prompt.waiting = self._follower.waiting

    def _chosen(self, change: dict[str, Any]) -> None:
        picture = self.find(change["new"])
        if picture is not None:
            self._stage.show(picture)

    def _tab_changed(self, change: dict[str, Any]) -> None:
        if change["new"] == 3:
            self._history.look()

    def _model_chosen(self, model: Model) -> None:
        self._model = model
        self._fit()
        self._stage.tell(f"{model.ref.name} is ready")

    def _ipython_display_(self) -> None:
        self._frame._ipython_display_()
        self._place.show()

    def _still(self) -> dict[str, Any]:
        """What the notebook keeps of the panel: a sheet of its results."""
        kept: dict[str, Any] = self.pictures[:MOST_IN_FILE]._repr_mimebundle_() if self._results else {}
        return {"image/png": sign("nbgen studio: run this cell to open it"), **kept, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"Studio({self._model.ref.name!r}; see .pictures, .recipe, .code)"


def _words(message: dict[str, Any]) -> tuple[str, str]:
    return str(message.get("prompt", "")), str(message.get("negative", ""))
