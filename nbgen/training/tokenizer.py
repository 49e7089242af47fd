"""How do words become numbers?  Byte-pair encoding (Sennrich et al., 1508.07909) in CLIP's own format.

A text is cut into words; each word starts as letters, the last one marked `</w>`; then the *merges* are
applied, most frequent pair first. Trained to the end on mini's few hundred words, every one of them becomes
a single token, and any other word can still be spelled. Whether a word is *known* is therefore not decided
here but by the list of caption words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import torch
from transformers import CLIPTokenizer

LENGTH = 20
"""Tokens in a prompt, start and end included; the rest is padding."""

START, END = "<|startoftext|>", "<|endoftext|>"


def byte_letters() -> list[str]:
    """The 256 printable stand-ins for bytes that CLIP (and GPT-2) use, in CLIP's order.

    Bytes that print as a letter stand for themselves; the others get the code points from 256 on.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(byte) for byte in printable] + [chr(256 + n) for n in range(256 - len(printable))]


def train_merges(counts: dict[str, int]) -> list[tuple[str, str]]:
    """Merges, in order, that make every word of `counts` one token. Ties go to the pair that sorts first.

    >>> train_merges({"cat": 2, "bat": 1})[:2]
    [('a', 't</w>'), ('c', 'at</w>')]
    """
    # CLIP cuts "t-shirt" into three pieces before it looks at letters, so that is how we count.
    pieces: Counter[str] = Counter()
    for word, count in counts.items():
        for piece in re.findall(r"[^\W\d_]+|[^\w\s]+", word):
            pieces[piece] += count
    spelled = {piece: (*piece[:-1], piece[-1] + "</w>") for piece in pieces}
    merges: list[tuple[str, str]] = []
    while True:
        pairs: Counter[tuple[str, str]] = Counter()
        for piece, parts in spelled.items():
            for pair in pairwise(parts):
                pairs[pair] += pieces[piece]
        if not pairs:
            return merges
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        spelled = {piece: join(parts, best) for piece, parts in spelled.items()}


def join(parts: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """`parts` with every occurrence of the pair made one part, from the left.

    >>> join(("b", "a", "n", "a", "n", "a</w>"), ("a", "n"))
    ('b', 'an', 'an', 'a</w>')
    """
    joined: list[str] = []
    rest = list(parts)
    while rest:
        width = 2 if tuple(rest[:2]) == pair else 1
        joined.append("".join(rest[:width]))
        rest = rest[width:]
    return tuple(joined)


def make_tokenizer(counts: dict[str, int]) -> CLIPTokenizer:
    """A `CLIPTokenizer` whose merges make every counted word one token."""
    merges = train_merges(counts)
    letters = byte_letters()
    tokens = [
        *letters,
        *(letter + "</w>" for letter in letters),
        *("".join(pair) for pair in merges),
        START,
        END,
    ]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=LENGTH)


def tokenize(tokenizer: CLIPTokenizer, texts: Iterable[str]) -> torch.Tensor:
    """Token numbers, int64 (n, 20), padded and cut as the stock pipeline does it."""
    return tokenizer(
        list(texts), padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
    ).input_ids
