"""What does mini's own CLIP make of mini's pictures?  The nearest object in its space, not in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import CLIPModel

from nbgen.training.clip import embed_pictures
from nbgen.training.judging import Judge
from nbgen.training.questions import Question
from nbgen.training.scenes import FULL, Scene


@dataclass(frozen=True)
class OwnEye:
    """Compares pictures, cut to the object and enlarged, with every object on the same background."""

    model: CLIPModel
    judge: Judge

    @classmethod
    def of(cls, folder: Path, judge: Judge) -> OwnEye | None:
        """That of the exported model, or None where it has no CLIP."""
        if not (folder / "clip").is_dir():
            return None
        return cls(CLIPModel.from_pretrained(folder / "clip").float().eval(), judge)

    def right(self, questions: Sequence[Question], pictures: np.ndarray) -> float:
        """The share of pictures whose nearest object is the asked one."""
        told = []
        for background in dict.fromkeys(question.scene.background for question in questions):
            known = embed_pictures(self.model, self._objects(background))
            mine = [n for n, question in enumerate(questions) if question.scene.background == background]
            cut = np.stack([self._cut(pictures[n], background) for n in mine])
            nearest = (embed_pictures(self.model, cut) @ known.T).argmax(dim=1)
            asked = torch.tensor([questions[n].scene.things[0] for n in mine])
            told += (nearest == asked).tolist()
        return float(np.mean(told))

    def _objects(self, background: str) -> np.ndarray:
        composer = self.judge.composer
        return np.stack(
            [
                composer.draw(Scene((n,), background), [(n, (0, 0, FULL))])
                for n in range(len(composer.world.names))
            ]
        )

    def _cut(self, picture: np.ndarray, background: str) -> np.ndarray:
        ((_, (left, top, side)),) = self.judge.one(picture, background).found
        part = Image.fromarray(picture[top : top + side, left : left + side])
        return np.asarray(part.resize((FULL, FULL), Image.Resampling.BICUBIC))
