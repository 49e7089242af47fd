"""A checkpoint in one .safetensors file: which model it is, and the settings that it does not hold itself."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from ..errors import MissingFileError, ModelError, NetworkError
from . import hub
from .families import family_of
from .parts import Index, check_whole, header_of, quiet, read_index
from .pickles import refuse_pickle

_DENOISERS = ("model.diffusion_model.", "double_blocks.", "joint_blocks.", "diffusion_model.")


def check_file(path: Path) -> dict[str, Any]:
    """The tensors' names and shapes in a checkpoint, from its header; ModelError for what is none."""
    refuse_pickle(
        path,
        "Convert it on a machine you trust: safetensors.torch.save_file(torch.load(path, "
        "weights_only=True)['state_dict'], 'model.safetensors') writes the file that nbgen.load takes.",
    )
    if path.suffix.lower() != ".safetensors":
        raise ModelError(
            f"{path.name!r} is a file of another kind: nbgen loads .safetensors checkpoints, and folders in diffusers' "
            "layout."
        )
    check_whole(path, path.name)
    tensors = header_of(path)
    if any("lora" in name for name in tensors):
        raise ModelError(f"{path.name} is a LoRA, not a model: it is used on top of one.")
    if not any(name.startswith(_DENOISERS) for name in tensors):
        raise ModelError(
            f"{path.name} holds no denoiser under the names of Stable Diffusion, SDXL, SD 3 or FLUX checkpoints: a "
            "part of a model in diffusers' layout is loaded with its whole folder."
        )
    return {name: SimpleNamespace(shape=tuple(entry["shape"])) for name, entry in tensors.items()}


def settings_for(path: Path, config: str | os.PathLike[str] | None, token: str | bool | None) -> Index:
    """The model_index.json that goes with a checkpoint: of the folder or hub name `config`, or of its kind's own.

    A checkpoint holds weights only; the settings and the tokenizers, a few megabytes, are fetched once.
    """
    from diffusers.loaders import single_file_utils as known

    tensors = check_file(path)
    if config is not None and os.path.isdir(config):
        return read_index(Path(config))
    try:
        kind = known.infer_diffusers_model_type(tensors)
    except (IndexError, KeyError, AttributeError):
        raise ModelError(
            f"{path.name} has tensors of shapes that no known model has: give its settings as config=."
        ) from None
    name = os.fspath(config) if config is not None else known.DIFFUSERS_DEFAULT_PIPELINE_PATHS[kind].get(
        "pretrained_model_name_or_path", ""
    )  # fmt: skip
    if not hub.is_name(name):
        raise MissingFileError(
            f"config must be a folder in diffusers' layout or a name on the hub, not {name!r:.80}."
        )
    try:
        return read_index(hub.fetch(name, Index.present, token=token, weights=False).folder)
    except NetworkError:
        raise NetworkError(
            f"{path.name} holds weights only, and the settings that go with it ({name}, a few megabytes) are not here: "
            "load it once where there is a network, or give a folder that has them as config=."
        ) from None


def read_file(path: Path, index: Index, dtype: torch.dtype) -> Any:
    """The pipeline of a checkpoint, on the CPU, with the settings of `index`. No safety checker is added."""
    import diffusers
    from diffusers.loaders.single_file_utils import SingleFileComponentError

    kind: Any = getattr(diffusers, index.pipeline, None)
    if kind is None or not hasattr(kind, "from_single_file"):
        raise ModelError(f"{index.pipeline:.80} cannot be read from a single file: give its folder.")
    family = family_of(index.pipeline)
    unread = set(index.parts) - {*family.parts, *family.optional} if family else set()
    try:
        with quiet():
            made = kind.from_single_file(
                str(path), config=str(index.folder), torch_dtype=dtype, local_files_only=True,
                **dict.fromkeys(unread),
            )  # fmt: skip
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SingleFileComponentError) as error:
        told = " ".join(str(error).replace(str(path.parent), "").replace(str(index.folder), "").split())
        told = told.partition(" Please load the component")[0][:300]  # advice on calling diffusers
        raise ModelError(
            f"{path.name} does not fit the settings of {index.pipeline}: {told} Another config= may."
        ) from None
    made.set_progress_bar_config(disable=True)
    return made
