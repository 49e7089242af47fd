"""How do words become numbers?  Byte-pair encoding (Sennrich et al., 1508.07909) in CLIP's own format.

A text is cut into words; each word starts as letters, the last one marked `</w>`; then the *merges* are
applied, most frequent pair first. Trained to the end on mini's few thousand words, every one of them becomes
a single token, and any other word can still be spelled. Whether a word is *known* is therefore not decided
here but by the list of caption words.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import torch
from transformers import CLIPTokenizer

LENGTH = 40
"""Tokens in a prompt, start and end included; the rest is padding, of which the last sixteen have a use."""

START, END = "<|startoftext|>", "<|endoftext|>"


PRINTABLE = (*range(33, 127), *range(161, 173), *range(174, 256))
STAND_INS = {byte: chr(byte) for byte in PRINTABLE} | {
    byte: chr(256 + n) for n, byte in enumerate(sorted(set(range(256)) - set(PRINTABLE)))
}
"""What each byte is written as: itself where it prints as a letter, else the code points from 256 on."""


def byte_letters() -> list[str]:
    """The 256 printable stand-ins for bytes that CLIP (and GPT-2) use, in CLIP's order."""
    return [STAND_INS[byte] for byte in (*PRINTABLE, *sorted(set(range(256)) - set(PRINTABLE)))]


def train_merges(counts: dict[str, int]) -> list[tuple[str, str]]:
    """Merges, in order, that make every word of `counts` one token. Ties go to the pair that sorts first.

    >>> train_merges({"cat": 2, "bat": 1})[:2]
    [('a', 't</w>'), ('c', 'at</w>')]
    """
    # CLIP cuts "t-shirt" into three pieces and "woman's" into two before it looks at letters: so do we.
    pieces: Counter[str] = Counter()
    for word, count in counts.items():
        for piece in re.findall(r"'s\b|[^\W\d_]+|\d|[^\w\s]+", word):
            pieces[piece] += count
    letters = {piece: [STAND_INS[byte] for byte in piece.encode()] for piece in pieces}
    spelled = {piece: (*spelling[:-1], spelling[-1] + "</w>") for piece, spelling in letters.items()}
    pairs: Counter[tuple[str, str]] = Counter()
    inside: dict[tuple[str, str], set[str]] = {}
    for piece, parts in spelled.items():
        for pair in pairwise(parts):
            pairs[pair] += pieces[piece]
            inside.setdefault(pair, set()).add(piece)
    # Counts change while pairs wait in the heap: whoever comes out with an old count is put back.
    waiting = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(waiting)
    merges: list[tuple[str, str]] = []
    while waiting:
        negative, best = heapq.heappop(waiting)
        if pairs[best] != -negative:
            continue
        merges.append(best)
        changed = set()
        for piece in inside.pop(best):
            for pair in pairwise(spelled[piece]):
                pairs[pair] -= pieces[piece]
                changed.add(pair)
            spelled[piece] = join(spelled[piece], best)
            for pair in pairwise(spelled[piece]):
                pairs[pair] += pieces[piece]
                inside.setdefault(pair, set()).add(piece)
                changed.add(pair)
        for pair in changed:
            if pairs[pair] > 0:
                heapq.heappush(waiting, (-pairs[pair], pair))
    return merges


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


def make_tokenizer(counts: dict[str, int], length: int = LENGTH) -> CLIPTokenizer:
    """A `CLIPTokenizer` whose merges make every counted word one token; it pads and cuts at `length`."""
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
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=length)


def tokenize(tokenizer: CLIPTokenizer, texts: Iterable[str]) -> torch.Tensor:
    """Token numbers, int64 (n, length), padded and cut as the stock pipeline does it."""
    return tokenizer(
        list(texts),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    ).input_ids
