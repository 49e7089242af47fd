"""What a model is given beside its own parts: ControlNets, and another autoencoder in place of its own."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import MissingFileError, ModelError, brief
from .fingerprint import of_file, of_folder, of_tensors
from .parts import read_part
from .residence import is_weightless
from .textual import embedded, files_of

_VAE, _NET = "AutoencoderKL", "ControlNetModel"
Given = Path | torch.nn.Module
"""A folder in diffusers' layout, or the part itself."""


class Beside:
    """A pipeline with some of its parts exchanged, and others added; the pipeline itself stays as it is."""

    def __init__(self, pipe: Any, parts: Mapping[str, Any]) -> None:
        self._beside = pipe
        vars(self).update(parts)

    def __getattr__(self, name: str) -> Any:
        if name == "_beside":  # not there yet: an object that is only being made
            raise AttributeError(name)
        return getattr(self._beside, name)


@dataclass(frozen=True)
class Attached:
    """ControlNets by the names that recipes call them, and an autoencoder; hashable, nothing read yet."""

    control: tuple[tuple[str, Given], ...] = ()
    vae: Given | None = None
    embeddings: tuple[tuple[str, Path], ...] = ()

    @classmethod
    def of(cls, control: Any, vae: Any, embeddings: Any = None) -> Attached:
        """What a person gave as control=, vae= and embeddings=. ModelError for what is no such part."""
        if control is None:
            named: Mapping[str, Any] = {}
        elif isinstance(control, Mapping):
            named = control
        else:
            raise ModelError(
                'control= takes names and ControlNets, as in control={"canny": "folder-of-a-controlnet"}, not '
                f"{brief(control)}."
            )
        for name in named:
            if not isinstance(name, str) or not name or "." in name:
                raise ModelError(f"a ControlNet's name is a word without full stops, not {brief(name)}.")
        nets = tuple((name, _given(f"control[{name!r}]", each, _NET)) for name, each in sorted(named.items()))
        return cls(nets, None if vae is None else _given("vae", vae, _VAE), files_of(embeddings))

    def __bool__(self) -> bool:
        return bool(self.control or self.vae or self.embeddings)

    def check_takes(self, family: str | None, pipeline: str) -> None:
        """ModelError unless a model of this family takes all of these; None is one that is not driven row by row."""
        if family is not None and (family in ("sd", "sdxl") or not (self.control or self.embeddings)):
            return
        said = "control=" if self.control else "embeddings=" if self.embeddings else "vae="
        able = "the families that are driven row by row" if said == "vae=" else "Stable Diffusion and SDXL"
        raise ModelError(f"{said} is for {able}, and this is a {pipeline:.80}.")

    def fingerprint(self, own: str) -> str:
        """That of a model whose own fingerprint is `own`."""
        if not self:
            return own
        told = {name: _fingerprint(each) for name, each in self.control}
        said = {"own": own, "control": told, "vae": self.vae and _fingerprint(self.vae)}
        if self.embeddings:
            said["embeddings"] = {word: of_file(path) for word, path in self.embeddings}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode("utf-8")).hexdigest()[:32]

    def parts(self, own: Any, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
        """The parts to put beside those of `own`, read. Modules that were handed over are copied."""
        found: dict[str, Any] = {}
        if self.control:
            nets = {name: _read(each, device, dtype) for name, each in self.control}
            found["controls"] = torch.nn.ModuleDict(nets)
        if self.vae is not None:
            found["vae"] = _read(self.vae, device, dtype)
            _check_vae(own.vae, found["vae"])
        if self.embeddings:
            found |= embedded(own, self.embeddings)
        return found


def _given(called: str, value: Any, kind: str) -> Given:
    if type(value).__name__ == kind:
        return value
    if isinstance(value, torch.nn.Module) or not isinstance(value, (str, os.PathLike)):
        name = type(value).__name__ if isinstance(value, torch.nn.Module) else brief(value)
        raise ModelError(f"{called} takes a folder in diffusers' layout or a {kind} object, not {name}.")
    folder = Path(os.path.abspath(value))
    try:
        plain = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFileError(
            f"there is no {kind} in a folder {folder.name!r:.80}: its config.json is missing. What lies on a hub is "
            f'fetched by diffusers: {called.partition("[")[0]}= takes {kind}.from_pretrained("owner/name") too.'
        ) from None
    except (OSError, ValueError):
        raise ModelError(f"the config.json in {folder.name!r:.80} cannot be read as one.") from None
    found = plain.get("_class_name") if isinstance(plain, dict) else None
    if found != kind:
        raise ModelError(
            f"the folder {folder.name!r:.80} holds a {found!s:.80}, and {called} takes a {kind}."
        )
    return folder


def _fingerprint(given: Given) -> str:
    if isinstance(given, Path):
        return of_folder(given)
    config = {key: value for key, value in dict(given.config).items() if not key.startswith("_")}  # type: ignore[arg-type]
    return of_tensors(given.state_dict().items(), config)


def _read(given: Given, device: torch.device, dtype: torch.dtype) -> torch.nn.Module:
    """A folder's part, or a copy of one that was handed over: the person's own stays where and as it is."""
    if isinstance(given, Path):
        import diffusers

        name = json.loads((given / "config.json").read_text(encoding="utf-8"))["_class_name"]
        return read_part(given, getattr(diffusers, name), device, dtype)
    there = torch.device("meta") if is_weightless() else device
    # Past diffusers' own `to`, which warns of what is no loss here.
    return torch.nn.Module.to(copy.deepcopy(given), there, dtype).eval()


def _check_vae(own: Any, other: Any) -> None:
    def shape(vae: Any) -> tuple[int, int]:
        return int(vae.config.latent_channels), 2 ** (len(vae.config.block_out_channels) - 1)

    if shape(own) != shape(other):
        raise ModelError(
            "this autoencoder is for another family: its latents have {} channels and stand for {} pixels on a side, "
            "and the model's have {} and {}.".format(*shape(other), *shape(own))
        )
