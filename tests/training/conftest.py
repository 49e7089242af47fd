import os

import pytest

from nbgen.training import objects, pictures, synonyms


@pytest.fixture(scope="session")
def world() -> pictures.World:
    """Eight objects: enough to learn on, quickly drawn. In CI a missing font is a failure."""
    try:
        pictures.find_font(), pictures.find_unicode_names(), synonyms.find_keywords()
    except FileNotFoundError as reason:
        if "CI" in os.environ:
            raise
        pytest.skip(str(reason))
    return objects.load_objects(limit=8)


@pytest.fixture(scope="session")
def whole_world(world: pictures.World) -> pictures.World:
    return objects.load_objects()
