import numpy as np
import pytest

from nbgen.training.composition import Composer
from nbgen.training.objects import LOOK_ALIKE, load_named, load_objects
from nbgen.training.pictures import BACKGROUNDS, SIZE, find_font
from nbgen.training.scenes import FULL, HALF, MEDIUM, STYLES, Scene
from nbgen.training.styles import DRAWN


def test_the_world_is_large_and_has_no_variants(whole_world):
    names = whole_world.names
    assert 1200 <= len(names) <= 1400
    assert len(set(names)) == len(names)
    assert {"red apple", "cat face", "dog", "bicycle", "rocket", "pizza", "bed", "woman astronaut"} - set(
        names
    ) <= {"woman astronaut"}
    assert not any(":" in name or "skin" in name or name != name.lower() for name in names)
    assert whole_world.glyphs.shape == (len(names), SIZE, SIZE, 4)


def test_no_two_objects_look_alike(whole_world):
    """Oracle: every pair compared, not only with those that came before."""
    white = whole_world.references("white").astype(np.float32)
    small = white.reshape(-1, 16, 4, 16, 4, 3).mean(axis=(2, 4)).reshape(len(white), -1)
    for number in range(0, len(small), 40):
        apart = np.abs(small - small[number]).mean(axis=1)
        apart[number] = np.inf
        assert apart.min() > 0.9 * LOOK_ALIKE, whole_world.names[number]


def test_objects_can_be_had_by_name(world):
    some = load_named([world.names[3], world.names[1]])
    assert np.array_equal(some.glyphs, world.glyphs[[3, 1]])
    with pytest.raises(KeyError, match="perpetuum mobile"):
        load_named(["perpetuum mobile"])


def test_drawing_twice_gives_the_same_pixels(world):
    assert np.array_equal(load_objects(limit=8).glyphs, world.glyphs)


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


@pytest.mark.parametrize("side", [FULL, MEDIUM, HALF])
def test_composing_is_what_pillow_does(world, side):
    """Oracle: Pillow's own resizing and pasting."""
    from PIL import Image

    composer = Composer(world)
    for number in range(3):
        drawn = composer.draw(
            Scene((number,), "blue"), [(number, (4, 0, side))] if side < FULL else [(number, (0, 0, FULL))]
        )
        canvas = Image.new("RGBA", (FULL, FULL), BACKGROUNDS["blue"])
        glyph = Image.fromarray(world.glyphs[number])
        left = 4 if side < FULL else 0
        canvas.alpha_composite(glyph.resize((side, side), Image.Resampling.BICUBIC), (left, 0))
        theirs = np.asarray(canvas.convert("RGB")).astype(float)
        assert np.abs(drawn - theirs).mean() < 1.0


@pytest.mark.parametrize("style", STYLES)
def test_a_style_changes_the_object_and_keeps_the_background(world, style):
    composer = Composer(world)
    for background in STYLES[style]:
        drawn = composer.draw(Scene((1,), background, style=style), [(1, (0, 0, FULL))]).astype(int)
        plain = composer.draw(Scene((1,), background), [(1, (0, 0, FULL))]).astype(int)
        assert np.abs(drawn - plain).mean() > 1
        assert np.abs(drawn[0, 0] - BACKGROUNDS[background]).max() <= 12
    assert set(DRAWN) == set(STYLES)


def test_background_colours_cannot_be_confused():
    colours = np.array(list(BACKGROUNDS.values()), dtype=float)
    distances = np.linalg.norm(colours[:, None] - colours[None], axis=-1)
    assert distances[~np.eye(len(colours), dtype=bool)].min() > 60


def test_a_missing_font_is_named_with_its_package(monkeypatch):
    monkeypatch.setattr("nbgen.training.pictures.FONT_PLACES", ())
    monkeypatch.delenv("NBGEN_EMOJI_FONT", raising=False)
    with pytest.raises(FileNotFoundError, match="fonts-noto-color-emoji"):
        find_font()
