"""What do all exported folders want of their JSON?  Lines that a person can read, and nothing of where it was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_json(path: Path, content: Any) -> None:
    """JSON with a line a value."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def forget_origin(path: Path) -> None:
    """Take out of a config.json from which folder its part once came."""
    content = json.loads(path.read_text(encoding="utf-8"))
    for part in (content, *(value for value in content.values() if isinstance(value, dict))):
        part.pop("_name_or_path", None)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def correct(path: Path, **values: Any) -> None:
    """Set values in a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | values, indent=2) + "\n", encoding="utf-8")
