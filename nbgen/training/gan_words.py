"""What can mini-gan be asked for?  The groups of objects that "any fruit" and the like mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nbgen.training.pictures import World, find_unicode_names

GROUPS: dict[str, str] = {
    "face": "face-smiling face-unwell face-negative face-costume",
    "heart": "heart",
    "mammal": "animal-mammal",
    "bird": "animal-bird",
    "reptile": "animal-amphibian animal-reptile",
    "sea animal": "animal-marine food-marine",
    "bug": "animal-bug",
    "plant": "plant-flower plant-other",
    "fruit": "food-fruit",
    "vegetable": "food-vegetable",
    "dish": "food-prepared food-asian",
    "sweet": "food-sweet",
    "drink": "drink",
    "place": "place-geographic place-building",
    "vehicle": "transport-ground transport-water transport-air",
    "weather": "sky_&_weather",
    "party thing": "event award-medal",
    "game": "sport game",
    "instrument": "musical-instrument",
    "clothing": "clothing",
    "device": "phone computer light_&_video time",
    "stationery": "writing office lock",
    "tool": "tool science",
    "household thing": "household dishware",
}
"""Groups by the word that asks for them, and the subgroups of Unicode's emoji-test.txt they are made of."""
LARGER: dict[str, tuple[str, ...]] = {
    "animal": ("mammal", "bird", "reptile", "sea animal", "bug"),
    "food": ("fruit", "vegetable", "dish", "sweet"),
}
"""Groups of groups: words one asks with. Training need not know them, as any list of objects can be left open."""


def read_subgroups(path: Path | None = None) -> dict[str, str]:
    """The subgroup of every name in `emoji-test.txt`, spaces written as underscores."""
    subgroups: dict[str, str] = {}
    subgroup = ""
    for line in (path or find_unicode_names()).read_text(encoding="utf-8").splitlines():
        if line.startswith("# subgroup:"):
            subgroup = line.removeprefix("# subgroup:").strip().replace(" ", "_")
        elif "; fully-qualified" in line:
            name = line.split(" # ", 1)[1].strip().lower().split(" ", 2)[2]
            subgroups.setdefault(name, subgroup)
    return subgroups


def with_larger(groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """These groups, and the larger ones that are made of them."""
    found = {name: list(members) for name, members in groups.items()}
    for name, parts in LARGER.items():
        members = [member for part in parts for member in groups.get(part, ())]
        found |= {name: members} if members else {}
    return found


def groups_of(world: World) -> dict[str, tuple[str, ...]]:
    """The names of the world's objects in each group that has any, in the order of the world."""
    subgroups = read_subgroups()
    group = {subgroup: name for name, members in GROUPS.items() for subgroup in members.split()}
    found: dict[str, list[str]] = {}
    for name in world.names:
        found.setdefault(group[subgroups[name]], []).append(name)
    return {name: tuple(found[name]) for name in GROUPS if name in found}
