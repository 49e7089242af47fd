"""How does a word begin with what it looks like?  Its vector is computed from pictures before anything is learned.

A name is read about once in a thousand captions, so a random vector for it would be found by descent long after
all that names have in common. But what the vectors have to tell apart is known: the latents of the objects. Their
principal components are what a name should say, and the vectors of its words are chosen to add up to that, by
least squares over all names and synonyms at once.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import CLIPTokenizer

from nbgen.training.captions import split_words
from nbgen.training.wordings import Speaker, every_wording

SIZE = 0.25
"""Root mean square of a word's vector."""
PLACE = 0.1
"""Root mean square of what tells one position from another: less, but to be seen beside the words."""
SYNONYM = 0.3
"""Weight of a synonym beside a name."""
SHARED = 30.0
"""How much dearer it is to say a picture by a word that captions have for something else, "top" or "small"."""


def codes(latents: Tensor, width: int) -> Tensor:
    """What tells pictures (n, …) apart, in `width` numbers each, of mean square 1: float32 (n, width).

    Principal components, each scaled to the root of its deviation: as they are, the first few would be all that a
    network hears; all made equal, it would hear the last as loudly as the first.
    """
    flat = latents.flatten(1)
    left, deviations, _ = torch.linalg.svd(flat - flat.mean(dim=0), full_matrices=False)
    found = left[:, :width] * deviations[:width].sqrt()
    found = torch.nn.functional.pad(found, (0, width - found.shape[1]))
    return found / found.square().mean().sqrt()


def word_vectors(
    tokenizer: CLIPTokenizer, speaker: Speaker, latents: Tensor, width: int, damping: float = 0.05
) -> dict[int, Tensor]:
    """A vector (width,) for each token in a name or synonym, by token number.

    latents: of the objects (n, …), in the order of the speaker's names
    """
    wanted = codes(latents, width)
    called = [(name, number, 1.0) for number, name in enumerate(speaker.names)]
    called += [
        (word, thing, SYNONYM / len(things)) for word, things in speaker.synonyms.items() for thing in things
    ]
    pieces = [tokenizer(name, add_special_tokens=False).input_ids for name, _, _ in called]
    tokens = sorted({token for some in pieces for token in some})
    column = {token: n for n, token in enumerate(tokens)}
    sums, targets = torch.zeros(len(called), len(tokens)), torch.zeros(len(called), width)
    for row, ((_, thing, weight), some) in enumerate(zip(called, pieces, strict=True)):
        for token in some:
            sums[row, column[token]] += weight**0.5
        targets[row] = wanted[thing] * weight**0.5
    elsewhere = {word for wording in every_wording() for word in split_words(wording)}
    common = {token for word in elsewhere for token in tokenizer(word, add_special_tokens=False).input_ids}
    dear = torch.tensor([SHARED if token in common else 1.0 for token in tokens])
    vectors = torch.linalg.solve(sums.T @ sums + damping * dear.diag(), sums.T @ targets)
    return dict(zip(tokens, vectors, strict=True))


@torch.no_grad()
def name_by_pictures(
    table: Tensor, places: Tensor, tokenizer: CLIPTokenizer, speaker: Speaker, latents: Tensor
) -> None:
    """Fill a table of word vectors (vocabulary, width) and one of positions (length, width), in place."""
    table.normal_(std=SIZE)
    places.normal_(std=PLACE)
    for token, vector in word_vectors(tokenizer, speaker, latents, table.shape[1]).items():
        # A tenth stays chance, so that no two words are one.
        size = vector.square().mean().sqrt().clamp_min(0.3)
        table[token] = 0.95 * SIZE * (vector / size).to(table.device) + 0.1 * table[token]
