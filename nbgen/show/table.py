"""A small table that reads well as text and as HTML, and is a plain list of dicts in code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, overload


class Table(Sequence[dict[str, Any]]):
    """Rows that are dicts with the same keys; shows itself in a cell, prints itself in a terminal."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._rows = list(rows)

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(name for row in self._rows for name in row))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Table: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | Table:
        return Table(self._rows[index]) if isinstance(index, slice) else self._rows[index]

    def __repr__(self) -> str:
        columns = self.columns
        cells = [columns, *([_text(row.get(name)) for name in columns] for row in self._rows)]
        # The last column has room: what follows from a table is said there.
        limits = [48] * (len(columns) - 1) + [160]
        cells = [
            [
                cell if len(cell) <= limit else cell[: limit - 1] + "…"
                for cell, limit in zip(line, limits, strict=True)
            ]
            for line in cells
        ]
        widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in cells
        )

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="text-align:left">{escape(name)}</th>' for name in self.columns)
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="text-align:left">{escape(_text(row.get(name)))}</td>' for name in self.columns
            )
            + "</tr>"
            for row in self._rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
