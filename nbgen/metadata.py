"""What a picture file says about how it was made: a recipe to and from PNG chunks, EXIF and XMP.

A PNG carries the JSON recipe under `nbgen`, the "parameters" text for other programs, and the XMP provenance
entry. JPEG and WebP carry the text in EXIF's UserComment, and XMP with the JSON recipe inside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, unescape

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .errors import PictureFileError, RecipeError, did_you_mean
from .parameters import parse_parameters, read_pairs, read_parameters, to_parameters
from .recipe import MAX_TEXT, Recipe

__all__ = [
    "LEVELS",
    "check_level",
    "parse_parameters",
    "png_info",
    "read_cost",
    "read_recipe",
    "read_text",
    "sidecar",
    "to_parameters",
    "xmp_packet",
]

LEVELS = ("none", "recipe", "full")
"""How much a file tells: nothing; the recipe; the recipe, what it cost and the versions that made it."""

RECIPE, COST, PARAMETERS, XMP = "nbgen", "nbgen-cost", "parameters", "XML:com.adobe.xmp"

_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_JPEG_SEGMENT = 65_000
"""Bytes that one segment of a JPEG holds, less its head."""


def check_level(level: str) -> str:
    if level not in LEVELS:
        raise PictureFileError(f"metadata={level!r:.40} is no level: {did_you_mean(str(level), LEVELS)}")
    return level


def png_info(recipe: Recipe | None, cost: Mapping[str, Any] | None = None, level: str = "recipe") -> PngInfo:
    """The text chunks of a PNG. `cost` is plain data (`Cost.to_plain()`), written at the level "full" only.

    Raises PictureFileError for a recipe so long that it could not be read back.
    """
    info = PngInfo()
    if check_level(level) == "none" or recipe is None:
        return info
    info.add_text(RECIPE, _recipe_text(recipe))
    if level == "full" and cost:
        info.add_text(COST, json.dumps(cost, sort_keys=True, ensure_ascii=True))
    info.add_text(PARAMETERS, to_parameters(recipe))  # tEXt where Latin-1 holds it: some readers know no iTXt
    info.add_itxt(XMP, xmp_packet(recipe, {}))
    return info


def sidecar(recipe: Recipe | None, cost: Mapping[str, Any] | None, level: str, kind: str) -> dict[str, bytes]:
    """The `exif` and `xmp` that Pillow takes when it saves a "JPEG" or "WEBP"."""
    if check_level(level) == "none" or recipe is None:
        return {}
    exif = Image.Exif()
    exif.endian = ">"  # so that the UTF-16 below has the byte order of the file, which some readers go by
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = b"UNICODE\0" + to_parameters(recipe).encode("utf-16-be")
    own = {"recipe": _recipe_text(recipe)}
    if level == "full" and cost:
        own["cost"] = json.dumps(cost, sort_keys=True, ensure_ascii=True)
    parts = {"exif": exif.tobytes(), "xmp": xmp_packet(recipe, own).encode("ascii")}
    if kind == "JPEG" and max(len(part) for part in parts.values()) > _JPEG_SEGMENT:
        raise PictureFileError(
            'this recipe is too long for a JPEG: save a PNG or WebP, or with metadata="none".'
        )
    return parts


def read_recipe(info: Mapping[Any, Any]) -> Recipe | None:
    """The recipe in a Pillow image's `info`: nbgen's own, or what another program's text tells; or None."""
    return read_text(info)[0]


def read_text(info: Mapping[Any, Any]) -> tuple[Recipe | None, tuple[str, ...]]:
    """The recipe, and remarks on what of another program's text it does not hold.

    Raises PictureFileError where nbgen's own recipe is there but malformed, oversized or from a newer nbgen.
    """
    own = _own(info, RECIPE, "recipe")
    if own is not None:
        try:
            return Recipe.from_json(own), ()
        except RecipeError as error:
            raise PictureFileError(f"the recipe in this picture cannot be read: {error}") from None
    text = info.get(PARAMETERS)
    if not isinstance(text, str):
        text = _user_comment(info.get("exif"))
        if text is None or len(read_pairs(text.strip().rpartition("\n")[2])) < 3:
            # Cameras and editors use that field too; without the line of pairs it tells no recipe.
            foreign = "workflow" in info and "prompt" in info
            return None, ("made by a program whose node graph is not read as a recipe",) if foreign else ()
    if text.lstrip().startswith(("{", "[{")):
        return None, ("the text in this picture is another program's JSON, which is not read as a recipe",)
    recipe, aside = read_parameters(text)
    return recipe, ("not part of the recipe: " + "; ".join(aside),) if aside else ()


def read_cost(info: Mapping[Any, Any]) -> Any:
    """The plain data of the cost, saved at the level "full"; or None: it is a remark, so never an error."""
    text = _own(info, COST, "cost")
    if text is None or len(text) > MAX_TEXT:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _recipe_text(recipe: Recipe) -> str:
    text = recipe.to_json()
    if len(text) > MAX_TEXT:
        raise PictureFileError(
            f"this recipe has {len(text):,} characters, and a picture carries at most {MAX_TEXT:,}: "
            'save with metadata="none".'
        )
    return text


def _own(info: Mapping[Any, Any], chunk: str, element: str) -> str | None:
    """nbgen's own text: a PNG chunk, or an element of the XMP packet."""
    text = info.get(chunk)
    if isinstance(text, str):
        return text
    packet = info.get("xmp")
    if not isinstance(packet, bytes):
        return None
    # By pattern, not by an XML parser: what is inside is escaped ASCII, and parsers expand entity bombs.
    found = re.search(rb"<nbgen:" + element.encode() + rb">([^<]*)</nbgen:", packet)
    return (
        None
        if found is None
        else unescape(found[1].decode("ascii", "replace"), {"&quot;": '"', "&#39;": "'", "&apos;": "'"})
    )


def xmp_packet(recipe: Recipe, own: Mapping[str, str]) -> str:
    """An XMP packet (ISO 16684-1) that says what made the picture (IPTC NewsCodes, digitalsourcetype)."""
    source = "compositeWithTrainedAlgorithmicMedia" if recipe.mask is not None else "trainedAlgorithmicMedia"
    elements = "".join(f"<nbgen:{name}>{escape(text)}</nbgen:{name}>" for name, text in own.items())
    space = ' xmlns:nbgen="urn:nbgen:recipe:"' if own else ""
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"{space}>'
        f"<Iptc4xmpExt:DigitalSourceType>{_SOURCE_TYPES}{source}</Iptc4xmpExt:DigitalSourceType>{elements}"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def _user_comment(exif: Any) -> str | None:
    if not isinstance(exif, bytes):
        return None
    try:
        read = Image.Exif()
        read.load(exif)
        comment = read.get_ifd(_EXIF_IFD).get(_USER_COMMENT)
    except Exception:  # EXIF of another program may be damaged in any way, and is only a remark here
        return None
    if isinstance(comment, str):
        return comment
    if not isinstance(comment, bytes):
        return None
    code, text = comment[:8], comment[8:]
    if code == b"UNICODE\0":
        # The standard leaves the byte order open; Latin text tells it by where the zeros stand.
        little = text[1::2].count(0) > text[::2].count(0)
        return text.decode("utf-16-le" if little else "utf-16-be", "replace")
    return (text if code in (b"ASCII\0\0\0", b"\0" * 8) else comment).decode("utf-8", "replace").rstrip("\0")
