"""Is text from anywhere made fit to be shown, and nothing of it lost that could be kept?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbgen.show.words import one_line, printable, wrapped

anything = st.text(st.characters(), max_size=200)


@given(anything)
def test_printable_text_is_utf8_without_controls(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert not any(ord(character) < 32 and character not in "\n\t" for character in shown)
    assert printable(shown) == shown


@pytest.mark.parametrize("text", ["a red apple", "日本語", "🐱\u200d👤", "é\u0301", "مرحبا", "a\n\tb"])
def test_what_can_be_shown_stays(text: str) -> None:
    assert printable(text) == text


def test_text_cannot_pose_as_another() -> None:
    assert printable("\u202egnp.exe") == "\ufffdgnp.exe"


@given(anything, st.integers(5, 80))
def test_one_line_is_one_line_of_that_length(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert "\n" not in line


@given(anything, st.integers(1, 30), st.integers(1, 4))
def test_wrapped_lines_fit(text: str, width: int, lines: int) -> None:
    done = wrapped(text, width, len, lines)
    assert len(done) <= lines
    assert all(len(line) <= width for line in done)


def test_lines_break_at_spaces_and_keep_numbers_with_their_names() -> None:
    assert wrapped("a red apple, seed 7", 18, len) == ["a red apple,", "seed 7"]
    assert wrapped("one two three four", 9, len, 2) == ["one two", "three…"]
    assert wrapped("unbreakable", 4, len) == ["unbr", "eaka", "ble"]
