"""Textual inversion: new words for a text encoder, each an embedding that was learnt from a few pictures.

Gal et al., "An Image is Worth One Word" (arXiv 2208.01618). A file holds the embedding of one word, (width,) or
(vectors, width), or one for each encoder.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import DamagedFileError, MissingFileError, ModelError, brief
from .parts import check_whole
from .pickles import refuse_pickle

_ENCODERS = {"text_encoder": ("tokenizer", "clip_l"), "text_encoder_2": ("tokenizer_2", "clip_g")}
"""Encoder → its tokenizer, and the name of its embedding in a file that has several."""
_ALONE = "emb_params"
"""The name of the embedding in files of other programs; diffusers' own has the word itself."""
MOST_VECTORS = 75


def files_of(embeddings: Any) -> tuple[tuple[str, Path], ...]:
    """(word, file) of what a person gave as embeddings=. ModelError for what is no word or no safetensors file."""
    if embeddings is None:
        return ()
    if not isinstance(embeddings, Mapping):
        raise ModelError(
            'embeddings= takes words and files, as in embeddings={"<cat-toy>": "cat-toy.safetensors"}, not '
            f"{brief(embeddings)}."
        )
    found = []
    for word, value in embeddings.items():
        if not isinstance(word, str) or not word or word != "".join(word.split()):
            raise ModelError(f'an embedding is called by one word, such as "<cat-toy>", not {brief(word)}.')
        try:
            path = Path(value).absolute()
            there = path.is_file()
        except (TypeError, ValueError, OSError):
            raise ModelError(f"embeddings[{word!r:.60}] must be a file, not {brief(value)}.") from None
        refuse_pickle(path, "Convert it on a machine you trust with safetensors.torch.save_file.")
        if not there:
            raise MissingFileError(f"there is no file {path.name!r:.120} with the embedding {word!r:.60}.")
        check_whole(path, path.name)
        found.append((word, path))
    return tuple(sorted(found))


def embedded(own: Any, files: tuple[tuple[str, Path], ...]) -> dict[str, Any]:
    """Copies of the tokenizers and text encoders of `own` that know these words, by part, and `embedded_words`.

    Several vectors stand for one word as "<word> <word>_1 …", which is how diffusers has them.
    Raises ModelError for a word that is known already and for an embedding of another family.
    """
    from safetensors.torch import load_file

    found: dict[str, Any] = {"embedded_words": tuple(word for word, _ in files)}
    present = [name for name in _ENCODERS if getattr(own, name, None) is not None]
    for name in present:
        reads = _ENCODERS[name][0]
        found[reads] = copy.deepcopy(getattr(own, reads))
        found[name] = copy.deepcopy(getattr(own, name))
    for word, path in files:
        try:
            tensors = load_file(path)
        except (OSError, ValueError, RuntimeError):
            raise DamagedFileError(
                f"{path.name} cannot be read as safetensors. Fetch or copy it again."
            ) from None
        for name in present:
            reads, key = _ENCODERS[name]
            _add(found[reads], found[name], word, _vectors(tensors, key, word, path.name, len(present)))
    return found


def expanded(text: str, tokenizer: Any) -> str:
    """The text with every word that stands for several vectors as the words of all of them."""
    known = getattr(tokenizer, "added_tokens_encoder", {})
    for word in known:
        if word in text and f"{word}_1" in known:
            number, words = 1, [word]
            while f"{word}_{number}" in known:
                words.append(f"{word}_{number}")
                number += 1
            text = text.replace(word, " ".join(words))
    return text


def _vectors(tensors: Mapping[str, Tensor], key: str, word: str, file: str, encoders: int) -> Tensor:
    if key in tensors:
        found = tensors[key]
    elif len(tensors) == 1 and encoders == 1:
        found = next(iter(tensors.values()))
    elif _ALONE in tensors and encoders == 1:
        found = tensors[_ALONE]
    else:
        raise ModelError(
            f"{file:.120} holds {', '.join(sorted(tensors)[:4]) or 'nothing'}, and no embedding for {key}: it is for "
            "another family."
        )
    found = found[None] if found.ndim == 1 else found
    if (
        found.ndim != 2
        or not 1 <= len(found) <= MOST_VECTORS
        or not bool(torch.isfinite(found.float()).all())
    ):
        raise ModelError(
            f"the embedding {word!r:.60} must be (width,) or (vectors, width) of finite numbers, with at most "
            f"{MOST_VECTORS} vectors, not {tuple(found.shape)}."
        )
    return found


def _add(tokenizer: Any, encoder: Any, word: str, vectors: Tensor) -> None:
    held = encoder.get_input_embeddings()
    width = int(held.weight.shape[1])
    if vectors.shape[1] != width:
        raise ModelError(
            f"the embedding {word!r:.60} is for another family: it has {vectors.shape[1]} numbers, and this text "
            f"encoder's have {width}."
        )
    words = [word, *(f"{word}_{number}" for number in range(1, len(vectors)))]
    known = tokenizer.get_vocab()
    if any(each in known for each in words):
        raise ModelError(f"this model knows the word {word!r:.60} already: call the embedding otherwise.")
    tokenizer.add_tokens(words)
    places = tokenizer.convert_tokens_to_ids(words)
    grown = held.weight.new_zeros((max(max(places) + 1, len(held.weight)), width))
    grown[: len(held.weight)] = held.weight.detach()
    grown[places] = vectors.to(grown)
    held.weight = torch.nn.Parameter(grown, requires_grad=held.weight.requires_grad)
    held.num_embeddings = len(grown)
    encoder.config.vocab_size = len(grown)
