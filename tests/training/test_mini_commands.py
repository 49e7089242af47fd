"""The parts of a training, one after the other."""

from __future__ import annotations

from argparse import Namespace

import pytest
import torch

from nbgen.training import mini_commands
from nbgen.training.loop import Budget

CPU = torch.device("cpu")


def test_a_part_leaves_all_cores_to_the_next(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(mini_commands, "make_learner", lambda *given: None)
    monkeypatch.setattr(
        mini_commands.loop, "train", lambda *given, **more: seen.append(torch.get_num_threads())
    )
    before = torch.get_num_threads()
    for part in ("words", "denoiser"):
        mini_commands.learn(part, Budget(steps=1), Namespace(out=tmp_path, fresh=False), CPU, print)
    assert seen == [1, 1] and torch.get_num_threads() == before


def test_the_decoder_waits_for_the_unet(world, monkeypatch, tmp_path):
    monkeypatch.setattr(mini_commands, "load_objects", lambda: world)
    options = Namespace(out=tmp_path, start_from=None, seed=0, fresh=False)
    with pytest.raises(FileNotFoundError, match="train the denoiser first"):
        mini_commands.make_learner("decoder", options, CPU)
