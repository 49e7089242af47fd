"""Tokenizers whose words are letters: they spell any English prompt, and need no download."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

_LETTERS = [chr(code) for code in range(33, 127)]


def clip_tokenizer(length: int = 16) -> Any:
    """A CLIP tokenizer that reads `length` tokens, marks of start and end included."""
    from transformers import CLIPTokenizer

    tokens = ["<|startoftext|>", "<|endoftext|>", *_LETTERS, *(letter + "</w>" for letter in _LETTERS)]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "vocab.json").write_text(
            json.dumps({token: place for place, token in enumerate(tokens)}), encoding="utf-8"
        )
        Path(folder, "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
        return CLIPTokenizer(
            str(Path(folder, "vocab.json")), str(Path(folder, "merges.txt")), model_max_length=length
        )


def t5_tokenizer(length: int = 24) -> Any:
    """A T5 tokenizer that reads `length` tokens, the mark of the end included."""
    from transformers import T5TokenizerFast

    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    letters = [("▁", -2.0), *((letter, -3.0) for letter in _LETTERS)]
    return T5TokenizerFast(vocab=[*special, *letters], extra_ids=0, model_max_length=length)
