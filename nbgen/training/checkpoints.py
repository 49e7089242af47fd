"""How is a training kept, so that it can be taken up again where it stopped?

One safetensors file per training: the weights, their running average, the optimizer's moments, and, in the
file's JSON header, the step and the seconds spent. No pickle. The file is written under a temporary name and
renamed, so that an interrupted write never destroys the checkpoint before it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

Tensors = dict[str, torch.Tensor]


def save(path: Path, tensors: Tensors, facts: dict[str, Any]) -> None:
    """Write tensors and JSON-able facts to `path`, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    # safetensors refuses tensors that share memory: every one becomes its own, contiguous copy on the CPU.
    own = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(own, temporary, metadata={"facts": json.dumps(facts)})
    os.replace(temporary, path)


def load(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """The tensors (on the CPU) and facts that `save` wrote."""
    with safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()["facts"])
        return {name: file.get_tensor(name) for name in file.keys()}, facts


def under(prefix: str, tensors: Tensors) -> Tensors:
    """The tensors whose name starts with `prefix.`, without it."""
    return {name[len(prefix) + 1 :]: t for name, t in tensors.items() if name.startswith(prefix + ".")}


def prefixed(prefix: str, tensors: Tensors) -> Tensors:
    """The same tensors with `prefix.` before every name: what `under` takes off again."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """An optimizer's per-parameter state as tensors named `<parameter number>.<moment>`."""
    return {
        f"{number}.{moment}": torch.as_tensor(value)
        for number, state in optimizer.state_dict()["state"].items()
        for moment, value in state.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Put back what `optimizer_tensors` took out; learning rates stay the optimizer's own."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        number, moment = name.split(".")
        state.setdefault(int(number), {})[moment] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
