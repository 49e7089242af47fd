"""The viewer and the player without a page: what travels, how large it is, and what the notebook keeps."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import nbgen
from nbgen.errors import RecipeError
from nbgen.picture import Picture
from nbgen.widgets import viewing
from nbgen.widgets.viewing import GridView, Player


def plain(*colour: int, side: int = 16) -> Picture:
    return Picture(np.full((side, side, 3), colour, np.uint8))


def noisy(seed: int, side: int) -> Picture:
    return Picture(np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8))


def test_every_picture_travels_once_as_bytes_and_the_rest_as_data() -> None:
    grid = nbgen.compare({"one": plain(200, 0, 0), "two": plain(0, 200, 0), "again": plain(200, 0, 0)})
    view = grid.view()
    assert isinstance(view, GridView)
    assert view.kinds == ["image/png"] * 2
    assert [cell["picture"] for cell in view.data["cells"]] == [0, 1, 0]
    colours = [Image.open(io.BytesIO(each)).convert("RGB").getpixel((0, 0)) for each in view.pictures]
    assert colours == [(200, 0, 0), (0, 200, 0)]
    assert "pictures" not in view.data and view.data["sizes"] == [(16, 16), (16, 16)]
    assert sorted(view.still()) == ["image/png", "text/plain"]
    view.close()


def test_large_pictures_are_reduced_for_the_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewing, "BUDGET", 60_000)
    grid = nbgen.compare({str(seed): noisy(seed, 256) for seed in range(4)})
    view = grid.view()
    assert sum(map(len, view.pictures)) < 60_000 and view.kinds == ["image/webp"] * 4
    assert any("slight loss" in note for note in view.data["notes"])
    view.close()


def test_a_player_holds_the_frames_and_tells_where_it_was_stopped() -> None:
    walk = nbgen.Walk([plain(level, 0, 0) for level in (0, 80, 160, 240)], fps=7)
    player = walk.view()
    assert isinstance(player, Player)
    assert (player.fps, player.frame, player.size, len(player.walks)) == (7, 0, (16, 16), 1)
    frames = [
        Image.open(io.BytesIO(each)).convert("RGB").getpixel((0, 0)) for each in player.walks[0]["frames"]
    ]
    assert frames == [(0, 0, 0), (80, 0, 0), (160, 0, 0), (240, 0, 0)]
    player._handle_custom_msg({"kind": "state", "state": {"frame": 2, "fps": 20, "boomerang": True}}, [])
    assert (player.frame, player.boomerang, player.picture) == (2, True, walk[2])
    player.frame = 99
    assert player.frame == 3
    assert player.still()["image/png"] == walk._repr_mimebundle_()["image/png"]
    player.close()


def test_two_walks_are_kept_side_by_side_as_one_animation() -> None:
    walk = nbgen.Walk([plain(200, 0, 0), plain(100, 0, 0), plain(50, 0, 0)])
    player = walk.view(beside=nbgen.Walk([plain(0, 0, 250), plain(0, 0, 120)]))
    animation = Image.open(io.BytesIO(player.still()["image/png"]))
    assert animation.n_frames == 3
    animation.seek(2)
    last = animation.convert("RGB")
    assert last.getpixel((2, 20)) == (50, 0, 0) and last.getpixel((last.width - 3, 20)) == (0, 0, 120)
    player.close()
    with pytest.raises(RecipeError, match="beside a walk plays another walk, not list"):
        walk.view(beside=[plain(0, 0, 0)])
