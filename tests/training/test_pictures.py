import numpy as np
import pytest

from nbgen.training.pictures import BACKGROUNDS, SIZE, find_font, load_world


def test_the_world_is_what_the_model_card_says(whole_world):
    names = whole_world.names
    assert 380 <= len(names) <= 450
    assert len(set(names)) == len(names)
    assert {"red apple", "cat face", "dog face", "rocket", "pizza", "sunflower"} <= set(names)
    assert not any("skin" in name or "keycap" in name or "flag:" in name for name in names)
    assert whole_world.glyphs.shape == (len(names), SIZE, SIZE, 4)


def test_drawing_twice_gives_the_same_pixels(world):
    assert np.array_equal(load_world(limit=8).glyphs, world.glyphs)


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_a_picture_has_the_asked_background_where_the_object_is_not(world, background):
    pictures = world.references(background)
    bare = world.glyphs[..., 3] == 0
    assert bare.any(axis=(1, 2)).all()
    assert (pictures[bare] == BACKGROUNDS[background]).all()


def test_a_picture_has_the_object_where_it_is_opaque(world):
    opaque = world.glyphs[..., 3] == 255
    for background in ("white", "blue"):
        assert np.array_equal(world.references(background)[opaque], world.glyphs[opaque][:, :3])


def test_background_colours_cannot_be_confused():
    colours = np.array(list(BACKGROUNDS.values()), dtype=float)
    distances = np.linalg.norm(colours[:, None] - colours[None], axis=-1)
    assert distances[~np.eye(len(colours), dtype=bool)].min() > 60


def test_a_missing_font_is_named_with_its_package(monkeypatch):
    monkeypatch.setattr("nbgen.training.pictures.FONT_PLACES", ())
    monkeypatch.delenv("NBGEN_EMOJI_FONT", raising=False)
    with pytest.raises(FileNotFoundError, match="fonts-noto-color-emoji"):
        find_font()
