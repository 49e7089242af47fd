"""What a model is given beside its own parts: ControlNets, IP-Adapters, words, and another autoencoder."""

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

from ..errors import MissingFileError, ModelError, brief, nearest
from .catalogue import PARTS, embedded_folder
from .fingerprint import of_file, of_folder, of_tensors
from .image_prompts import OWN, can_look, read_prompt
from .parts import check_whole, read_part
from .pickles import refuse_pickle
from .residence import is_weightless
from .textual import embedded, files_of

_VAE, _NET, _EYE = "AutoencoderKL", "ControlNetModel", "CLIPVisionModelWithProjection"
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
    """ControlNets and IP-Adapters by the names that recipes call them, and other parts; hashable, nothing read yet."""

    control: tuple[tuple[str, Given], ...] = ()
    vae: Given | None = None
    embeddings: tuple[tuple[str, Path], ...] = ()
    image_prompt: tuple[tuple[str, Path], ...] = ()
    image_encoder: Given | None = None

    @classmethod
    def of(
        cls,
        control: Any,
        vae: Any,
        embeddings: Any = None,
        image_prompt: Any = None,
        image_encoder: Any = None,
    ) -> Attached:
        """What a person gave by these names to `nbgen.load`. ModelError for what is no such part."""
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
        nets = tuple(
            (name, part_given(f"control[{name!r}]", each, _NET)) for name, each in sorted(named.items())
        )
        prompts = _prompt_files(image_prompt)
        if image_encoder is None and prompts:
            image_encoder = prompts[0][1].parent / "image_encoder"  # where both come from, they lie so
        elif image_encoder is not None and not prompts:
            raise ModelError("image_encoder= is what IP-Adapters see with: give image_prompt= too.")
        return cls(
            nets,
            None if vae is None else part_given("vae", vae, _VAE),
            files_of(embeddings),
            prompts,
            None if image_encoder is None else part_given("image_encoder", image_encoder, _EYE),
        )

    def __bool__(self) -> bool:
        return bool(self.control or self.vae or self.embeddings or self.image_prompt)

    def check_takes(self, family: str | None, pipeline: str) -> None:
        """ModelError unless a model of this family takes all of these; None is one that is not driven row by row."""
        given = {"control=": self.control, "embeddings=": self.embeddings, "image_prompt=": self.image_prompt}
        said = next((name for name, value in given.items() if value), "vae=")
        if family is not None and (family in ("sd", "sdxl") or said == "vae="):
            return
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
        if self.image_prompt:
            said["image_prompt"] = {name: of_file(path) for name, path in self.image_prompt}
            said["image_encoder"] = self.image_encoder and _fingerprint(self.image_encoder)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode("utf-8")).hexdigest()[:32]

    def told(self) -> tuple[tuple[str, str], ...]:
        """(argument of `nbgen.load`, name) of each, as recipes tell what their model was given."""
        named = {
            "control": self.control,
            "embeddings": self.embeddings,
            "image_prompt": self.image_prompt,
            "vae": (("", self.vae),) if self.vae is not None else (),
        }
        return tuple((kind, name) for kind, each in named.items() for name, _ in each)

    def parts(self, own: Any, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
        """The parts to put beside those of `own`, read. Modules that were handed over are copied."""
        found: dict[str, Any] = {"beside": self.told()} if self else {}
        if self.control:
            nets = {name: _read(each, device, dtype) for name, each in self.control}
            found["controls"] = torch.nn.ModuleDict(nets)
        if self.vae is not None:
            found["vae"] = _read(self.vae, device, dtype)
            _check_vae(own.vae, found["vae"])
        if self.embeddings:
            found |= embedded(own, self.embeddings)
        if self.image_prompt and self.image_encoder is not None:
            found |= self._looking(own, device, dtype)
        return found

    def _looking(self, own: Any, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
        """The IP-Adapters, and the encoder that they see with."""
        assert self.image_encoder is not None
        if not can_look(own.unet):
            raise ModelError(
                "this model's UNet reads its words in a way of its own, which IP-Adapters do not fit."
            )
        prompts = {
            name: read_prompt(path, name, own.unet, weightless=is_weightless())
            for name, path in self.image_prompt
        }
        where = torch.device("meta") if is_weightless() else device
        eye: Any = _read(self.image_encoder, device, dtype)
        widths = {"embedding": eye.config.projection_dim, "states": eye.config.hidden_size}
        for name, prompt in prompts.items():
            if prompt.width != widths[prompt.sight]:
                raise ModelError(
                    f"the IP-Adapter {name!r} sees with another image encoder: it reads {prompt.width} numbers, and "
                    f"this one tells {widths[prompt.sight]}."
                )
        return {
            "image_prompts": torch.nn.ModuleDict(prompts).to(where, dtype).eval(),
            "image_encoder": eye,
            "feature_extractor": None,
        }


def _prompt_files(value: Any) -> tuple[tuple[str, Path], ...]:
    """(name, file) of what a person gave as image_prompt=; one file alone is called "image"."""
    if value is None:
        return ()
    named = value if isinstance(value, Mapping) else {OWN: value}
    found = []
    for name, each in named.items():
        if not isinstance(name, str) or not name or "." in name:
            raise ModelError(f"an IP-Adapter's name is a word without full stops, not {brief(name)}.")
        if not isinstance(each, (str, os.PathLike)) or not os.fspath(each):
            raise ModelError(f"image_prompt= takes the file of an IP-Adapter, not {brief(each)}.")
        path = Path(os.path.abspath(each))
        refuse_pickle(path, "IP-Adapters come as safetensors, too.")
        if not path.is_file():
            raise MissingFileError(f"there is no file {path.name!r:.120} with the IP-Adapter {name!r:.60}.")
        check_whole(path, path.name)
        found.append((name, path))
    return tuple(sorted(found))


def part_given(called: str, value: Any, kind: str) -> Given:
    """What a person gave as the argument `called`, if it is a part of class `kind` or its folder; else ModelError.

    The folder may be said by the name of a part that ships with nbgen.
    """
    if isinstance(value, str) and value in PARTS:
        value = embedded_folder(value)
    if type(value).__name__ == kind:
        return value
    if isinstance(value, torch.nn.Module) or not isinstance(value, (str, os.PathLike)):
        name = type(value).__name__ if isinstance(value, torch.nn.Module) else brief(value)
        raise ModelError(
            f"{called} takes a folder in diffusers' layout or an object of class {kind}, not {name}."
        )
    folder = Path(os.path.abspath(value))
    try:
        plain = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        ours = nearest(folder.name, PARTS)
        raise MissingFileError(
            f"there is no {kind} in a folder {folder.name!r:.80}: its config.json is missing. What lies on a hub is "
            f'fetched by diffusers: {called.partition("[")[0]}= takes {kind}.from_pretrained("owner/name") too.'
            + (f" Or did you mean {ours[0]!r}, which ships with nbgen?" if ours else "")
        ) from None
    except (OSError, ValueError):
        raise ModelError(f"the config.json in {folder.name!r:.80} cannot be read as one.") from None
    found = _class_in(plain)
    if found != kind:
        raise ModelError(
            f"the folder {folder.name!r:.80} holds a {found!s:.80}, where {called} takes {kind}."
        )
    return folder


def _class_in(config: Any) -> str | None:
    """The class that a config.json is of, as diffusers and transformers write it."""
    if not isinstance(config, dict):
        return None
    several = config.get("architectures")
    return config.get("_class_name") or (several[0] if isinstance(several, list) and several else None)


def _fingerprint(given: Given) -> str:
    if isinstance(given, Path):
        return of_folder(given)
    told: Any = given.config
    told = told.to_dict() if hasattr(told, "to_dict") else dict(told)
    config = {key: value for key, value in told.items() if not key.startswith("_")}
    return of_tensors(given.state_dict().items(), config)


def _read(given: Given, device: torch.device, dtype: torch.dtype) -> torch.nn.Module:
    """A folder's part, or a copy of one that was handed over: the person's own stays where and as it is."""
    if isinstance(given, Path):
        import diffusers
        import transformers

        name = str(_class_in(json.loads((given / "config.json").read_text(encoding="utf-8"))))
        library: Any = transformers if name == _EYE else diffusers
        return read_part(given, getattr(library, name), device, dtype)
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
