"""What does mini's card show of it?  A hundred drawn prompts with their pictures, and what went wrong.

Nobody chooses here either: of every kind of question the pictures are taken at even distances from all that were
made to be judged, and up to three of the wrong ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nbgen.show.sheet import caption_font
from nbgen.training.questions import Question
from nbgen.training.scenes import STYLES

SHOWN = {"object": 40, "size": 6, "place": 6, "number": 8, "pair": 16, **dict.fromkeys(STYLES, 4)}
"""How many pictures of each kind are on the sheet: a hundred."""
MISSES = 3
"""How many wrong ones of each kind."""
SHEET, FAILURES, SKETCHES = (f"evaluation-{name}.png" for name in ("sheet", "failures", "sketch"))
"""Names of the pictures among the sheets of a training."""
COLUMNS = 10
CAPTION = 11
"""Height of the letters under a picture, in pixels."""


@dataclass
class Gallery:
    """Pictures that were judged, with their prompts."""

    shown: list[tuple[np.ndarray, str]] = field(default_factory=list)
    wrong: list[tuple[np.ndarray, str]] = field(default_factory=list)

    def add(
        self,
        kind: str,
        questions: Sequence[Question],
        made: np.ndarray,
        asked: np.ndarray,
        right: Sequence[bool],
    ) -> None:
        """Take what is shown of a kind; pictures are uint8 (n, 64, 64, 3), `right` says which are as asked."""
        self.shown += [(made[n], questions[n].prompt) for n in _spread(range(len(questions)), SHOWN[kind])]
        missed = [n for n, good in enumerate(right) if not good]
        self.wrong += [
            (np.concatenate([made[n], asked[n]], axis=1), questions[n].prompt)
            for n in _spread(missed, MISSES)
        ]

    def sheet(self) -> Image.Image:
        """The pictures over their prompts."""
        return captioned(*self.shown, columns=COLUMNS)

    def failures(self) -> Image.Image | None:
        """What was made with what was asked for to its right, over the prompt; None where nothing failed."""
        return captioned(*self.wrong, columns=COLUMNS // 2) if self.wrong else None


def _spread(numbers: Sequence[int], count: int) -> list[int]:
    """At most `count` of the numbers, at even distances."""
    places = np.linspace(0, len(numbers) - 1, min(count, len(numbers))).round().astype(int)
    return [numbers[place] for place in places]


def captioned(*pictures: tuple[np.ndarray, str], columns: int, enlarge: int = 2, gap: int = 8) -> Image.Image:
    """uint8 pictures (height, width, 3) of one size, each over its text, on white."""
    font = caption_font(CAPTION)
    height, width = (enlarge * side for side in pictures[0][0].shape[:2])
    texts = [_wrapped(text, font, width) for _, text in pictures]
    lines = 1 + max(text.count("\n") for text in texts)
    across, down = width + gap, height + lines * (CAPTION + 2) + gap
    columns = min(columns, len(pictures))
    sheet = Image.new("RGB", (columns * across + gap, -(-len(pictures) // columns) * down + gap), "white")
    pen = ImageDraw.Draw(sheet)
    for number, ((picture, _), text) in enumerate(zip(pictures, texts, strict=True)):
        left, top = gap + number % columns * across, gap + number // columns * down
        sheet.paste(Image.fromarray(picture).resize((width, height), Image.Resampling.NEAREST), (left, top))
        pen.multiline_text((left, top + height + 2), text, "#333333", font, spacing=2)
    return sheet


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)
