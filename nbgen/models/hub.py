"""A model by its name on a hub: the files it needs fetched once, each failure told with its remedy."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import unshown
from ..errors import (
    DamagedFileError,
    GatedModelError,
    MissingFileError,
    ModelError,
    NetworkError,
    UnsafeModelError,
)
from ..saying import is_heard, say
from .parts import Index, no_variant, read_index

_TEXTS = ("*.json", "*.txt", "*.model", "*.jinja")
"""Settings and tokenizers: nothing in them is run."""


@dataclass(frozen=True)
class Snapshot:
    """A model's files as they were at one commit."""

    name: str
    folder: Path
    commit: str


def is_name(text: str) -> bool:
    """Whether a text reads like a name on a hub: "owner/model"."""
    owner, slash, model = text.partition("/")
    return bool(owner and slash and model) and "/" not in model and text[0] not in "./~" and "\\" not in text


def fetch(
    name: str,
    names: Callable[[Index], Sequence[str]],
    *,
    revision: str | None = None,
    variant: str | None = None,
    token: str | bool | None = None,
    weights: bool = True,
) -> Snapshot:
    """The files of the model's parts `names`, from the cache or the network; weights as safetensors only.

    The token is huggingface_hub's own where it is left out: HF_TOKEN, or what `hf auth login` keeps.
    HF_HUB_OFFLINE keeps it off the network. Raises NetworkError, GatedModelError, MissingFileError,
    UnsafeModelError and DamagedFileError.
    """
    given: Any = {"revision": revision, "variant": variant, "token": token, "weights": weights}
    try:
        return _fetched(name, names, **given, local=False)
    except NetworkError:
        with contextlib.suppress(ModelError):  # what was fetched before is enough
            return _fetched(name, names, **given, local=True)
        raise


def _fetched(
    name: str,
    names: Callable[[Index], Sequence[str]],
    revision: str | None,
    variant: str | None,
    token: str | bool | None,
    weights: bool,
    local: bool,
) -> Snapshot:
    """As `fetch`; `local`: from the cache alone."""
    from huggingface_hub import hf_hub_download, snapshot_download

    with _told(name, revision):
        first = hf_hub_download(
            name, "model_index.json", revision=revision, token=token, local_files_only=local
        )
        index = read_index(Path(first).parent)
        chosen = list(names(index))
        there = _listing(name, revision, token) if weights and not local else None
        patterns = ["model_index.json", *(f"{part}/{text}" for part in chosen for text in _TEXTS)]
        files: list[tuple[str, int, str | None]] = []
        if there is not None:
            files = _weights(name, there, chosen, variant)
            patterns += [path for path, _, _ in files]
        elif weights:
            patterns += [f"{part}/*.safetensors" for part in chosen]
        missing = [file for file in files if not _is_cached(name, file[0], Path(first).parent.name)]
        total = sum(size for _, size, _ in missing)
        if missing:
            say(f"{name}: fetching {len(missing)} files of weights, {total / 1e9:.1f} GB, once.")
        meter = Meter(name, total)
        try:
            folder = Path(
                snapshot_download(
                    name,
                    revision=revision,
                    token=token,
                    allow_patterns=patterns,
                    tqdm_class=_bar(meter),
                    local_files_only=local,
                )
            )
        finally:
            meter.close()
        for path, size, digest in missing:
            _check(folder / path, path, size, digest)
    return Snapshot(name, folder, folder.name)


def _listing(name: str, revision: str | None, token: Any) -> list[Any] | None:
    """What the hub says of the files; None offline, where the cache has to do."""
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        return None
    return list(HfApi().model_info(name, revision=revision, token=token, files_metadata=True).siblings or [])


def _unreached() -> tuple[type[Exception], ...]:
    """What is raised where a hub does not answer, by whichever client library huggingface_hub has."""
    from huggingface_hub import errors

    return errors.HfHubHTTPError.__bases__[0], ConnectionError, TimeoutError


def _weights(
    name: str, there: list[Any], parts: Sequence[str], variant: str | None
) -> list[tuple[str, int, str | None]]:
    """(path, bytes, sha256) of the files of weights that are read: one variant, safetensors only."""
    found = []
    for part in parts:
        inside = [file for file in there if file.rfilename.startswith(f"{part}/")]
        safe = [file for file in inside if file.rfilename.endswith(".safetensors")]
        pickles = [file.rfilename for file in inside if fnmatch.fnmatch(file.rfilename, "*.bin")]
        if pickles and not safe:
            raise UnsafeModelError(
                f"{name} has {pickles[0]} as a pickle only, which can run code when it is opened: ask its makers for "
                "safetensors, or convert it on a machine you trust."
            )
        plain = [file for file in safe if "." not in Path(file.rfilename).stem]
        wanted = [file for file in safe if variant and f".{variant}" in Path(file.rfilename).stem]
        for file in wanted or plain or safe:
            lfs = getattr(file, "lfs", None)
            found.append((file.rfilename, file.size or 0, getattr(lfs, "sha256", None)))
    if variant and not any(f".{variant}" in Path(path).stem for path, _, _ in found):
        raise no_variant(name, variant)
    return found


def _is_cached(name: str, path: str, commit: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(name, path, revision=commit), str)


def _check(path: Path, called: str, size: int, digest: str | None) -> None:
    """What was fetched is what was promised; a file that is not is removed, so that it is fetched again."""
    real = path.resolve()
    if size and real.stat().st_size != size:
        problem = f"{called} has {real.stat().st_size:,} bytes where the hub promised {size:,}"
    elif digest is not None and _sha256(real) != digest:
        problem = f"{called} has another hash than the hub promised"
    else:
        return
    with contextlib.suppress(OSError):
        real.unlink()
        path.unlink(missing_ok=True)
    raise DamagedFileError(f"{problem}: it was removed. Load the model again to fetch it anew.")


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _told(name: str, revision: str | None) -> Iterator[None]:
    """The hub's errors as nbgen's own, each with its remedy."""
    from huggingface_hub import errors

    at = f" at revision {revision!r}" if revision else ""
    try:
        yield
    except ModelError:
        raise
    except errors.GatedRepoError:
        raise GatedModelError(
            f"{name} is gated: read and accept its licence at https://huggingface.co/{name}, then log in with "
            "`hf auth login`, or set HF_TOKEN, and load it again."
        ) from None
    except errors.RevisionNotFoundError:
        raise MissingFileError(
            f"{name} has no revision {revision!r}: a branch, a tag or a commit is one."
        ) from None
    except errors.RepositoryNotFoundError:
        raise MissingFileError(
            f"there is no model {name!r} on the hub, or it is private: check the spelling, and for a private one set "
            "HF_TOKEN or run `hf auth login`."
        ) from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
        why = "HF_HUB_OFFLINE is set" if offline else "the hub cannot be reached"
        raise NetworkError(
            f"{name}{at} is not in the hub's cache, and {why}: load it once where there is a network, or give the "
            "folder of a copy."
        ) from None
    except errors.EntryNotFoundError:
        raise MissingFileError(
            f"{name}{at} has no model_index.json, so it is not a diffusers model: a single file of weights is loaded "
            "by its path."
        ) from None
    except errors.HFValidationError:
        raise ModelError(f"{name!r:.80} is no name of a model: a name is owner/model.") from None
    except _unreached() as error:
        told = " ".join(str(error).split())[:120].rstrip(".")
        raise NetworkError(
            f"the hub cannot be reached for {name}: {told}. Try again later, or give the folder of a copy."
        ) from None
    except OSError as error:
        if error.errno is not None:
            raise ModelError(
                f"{name} cannot be kept on this disk: {os.strerror(error.errno)}. HF_HOME says where the hub's cache "
                "lies."
            ) from None
        # Only a file of another length than was promised is told without a number.
        raise DamagedFileError(
            f"a file of {name} is not what the hub promised: {' '.join(str(error).split())[:160]} Load it again to "
            "fetch it anew."
        ) from None


def _bar(meter: Meter) -> Any:
    """The class of bars that huggingface_hub draws with: it draws nothing, and tells the meter of bytes."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._counts = options.get("unit") == "B"
            super().__init__(*arguments, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            if self._counts:
                meter.add(n or 0)

    return Bar


class Meter:
    """How much of a download is there: one line, rewritten in a terminal, replaced in a cell, nothing elsewhere."""

    def __init__(self, name: str, total: int) -> None:
        self._name, self._total = name, total
        self._bytes = 0.0
        self._told = 0.0
        self._lock = threading.Lock()
        self._handle: Any = None
        shown = os.environ.get("NBGEN_PROGRESS") != "none" and not is_heard()
        self._in_cell = shown and unshown.running_cell() is not None
        self._in_terminal = shown and not self._in_cell and sys.stderr.isatty()

    def add(self, count: float) -> None:
        with self._lock:
            self._bytes += count
            if time.monotonic() - self._told < 0.5:
                return
            self._told = time.monotonic()
            line = f"{self._name}: {self._bytes / 1e9:.2f} of {self._total / 1e9:.2f} GB"
            if self._in_terminal:
                print(f"\r{line}", end="", file=sys.stderr, flush=True)
            elif self._in_cell:
                from IPython.display import display

                data = {"text/plain": line}
                if self._handle is None:
                    self._handle = display(data, raw=True, display_id=True)
                else:
                    self._handle.update(data, raw=True)

    def close(self) -> None:
        if self._in_terminal and self._told:
            print(file=sys.stderr)
        if self._handle is not None:
            self._handle.update({"text/plain": f"{self._name}: all there"}, raw=True)
