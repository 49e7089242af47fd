"""Where does a model come from: a name that ships, one of the catalogue, a folder, a file, or a name on a hub?"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import MissingFileError, ModelError, brief, did_you_mean
from . import hub
from .catalogue import BY_NAME, EMBEDDED, embedded_folder
from .families import family_of
from .fingerprint import of_file, of_folder
from .parts import Index, read_index
from .pickles import PICKLES
from .single_file import settings_for


@dataclass(frozen=True)
class Source:
    """A model that is on this machine's disk now.

    name: what recipes call it, never a path; file: the checkpoint, where its weights are in one file; index: its
    parts and settings; defaults: what suits it, where that is known
    """

    name: str
    index: Index
    file: Path | None = None
    commit: str | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    embedded: bool = False

    def fingerprint(self) -> str:
        """A hub commit, a file's SHA-256, or a hash over a folder's files."""
        if self.file is not None:
            return of_file(self.file)
        return self.commit or of_folder(self.index.folder)

    def names(self) -> list[str]:
        return parts_read(self.index)


def parts_read(index: Index) -> list[str]:
    """The parts of a model that nbgen reads: all, or what its family needs."""
    family = family_of(index.pipeline)
    if family is None:
        return index.present()
    return [*family.parts, *(name for name in family.optional if index.parts.get(name) is not None)]


def find_source(
    place: str | os.PathLike[str],
    *,
    revision: str | None = None,
    variant: str | None = None,
    token: str | bool | None = None,
    config: str | os.PathLike[str] | None = None,
) -> Source:
    """The model at a place; a bare name is one that ships, then one of the catalogue, then a folder or file.

    Raises ModelError, of a kind that says what was wrong, with the remedy.
    """
    text = os.fspath(place)
    if isinstance(place, str) and text in EMBEDDED:
        return Source(text, read_index(embedded_folder(text)), defaults=EMBEDDED[text], embedded=True)
    if text.lower().startswith(("http://", "https://")):
        raise ModelError(
            'an address is no model: one on the hub goes by its name, "owner/model", and a file by its path once it is '
            "here."
        )
    path = Path(text)
    if text and _is(os.path.isdir, path):
        _check_said("a folder", revision=revision, config=config)
        return Source(path.resolve().name, read_index(path))
    if text and _is(os.path.isfile, path):
        _check_said("a file", revision=revision, variant=variant)
        return Source(path.stem, settings_for(path, config, token), file=path)
    entry = BY_NAME.get(text) if isinstance(place, str) else None
    name = entry.repository if entry is not None else text
    if entry is not None or (isinstance(place, str) and hub.is_name(name) and not _looks_local(path)):
        _check_said("a model on the hub, which has its own settings", config=config)
        found = hub.fetch(name, parts_read, revision=revision, variant=variant, token=token)
        defaults = entry.defaults if entry is not None else _defaults_of(name)
        return Source(name, read_index(found.folder), commit=found.commit, defaults=defaults)
    raise MissingFileError(_not_found(text, path))


def _check_said(what: str, **given: Any) -> None:
    """ModelError for an argument that means nothing for what was found."""
    for name, value in given.items():
        if value is not None:
            raise ModelError(f"{name}={brief(value, 40)} means nothing for {what}: leave it out.")


def _is(test: Any, path: Path) -> bool:
    """False, not an error, for names that no file system takes."""
    try:
        return bool(test(path))
    except (OSError, ValueError):
        return False


def _looks_local(path: Path) -> bool:
    """A folder's name that exists as far as its first part, or ends as a file does, is not a hub's."""
    return path.suffix.lower() in (".safetensors", *PICKLES) or _is(os.path.isdir, Path(path.parts[0]))


def _defaults_of(name: str) -> Mapping[str, Any]:
    """What suits a model that the catalogue knows under another name."""
    return next((entry.defaults for entry in BY_NAME.values() if entry.repository == name), {})


def _not_found(text: str, path: Path) -> str:
    shipped = ", ".join(repr(name) for name in EMBEDDED)
    if not text:
        return f"an empty name means no model: give a folder, a file, a name on a hub, or one of {shipped}."
    known: Sequence[str] = (*EMBEDDED, *BY_NAME)
    near = did_you_mean(text, known) if "/" not in text and os.sep not in text else ""
    if near.startswith("known are"):
        near = "nbgen.list_models() shows the names it knows."
    what = "file" if path.suffix.lower() in (".safetensors", *PICKLES) else "folder"
    return f"there is no model {path.name!r:.80} here: {near or f'no such {what}.'} Shipped with nbgen: {shipped}."


def check_arguments(embedded: bool, name: str, dtype: str | None, given: Mapping[str, Any]) -> None:
    """ModelError for what a model that ships does not take: it is small, and stays the same everywhere."""
    if not embedded:
        return
    if dtype not in (None, "float32"):
        raise ModelError(f"{name} is always float32: it is small, and its pictures stay the same everywhere.")
    said = [argument for argument, value in given.items() if value is not None]
    if said:
        raise ModelError(
            f"{said[0]}={brief(given[said[0]], 40)} means nothing for {name}, which ships with nbgen."
        )
