"""`%%imagine`: a cell whose body is the prompt and whose first line has the options of `nbgen.generate`."""

from __future__ import annotations

import ast
from typing import Any

from ..errors import RecipeError, brief

_OPENING, _CLOSING = "([{", ")]}"


def register(shell: Any) -> None:
    """Give an IPython shell the cell magic `%%imagine`, unless something else there has the name."""
    from IPython.core.magic import no_var_expand

    # Braces of an option are its own: adapters={"ink": 0.5}.
    if "imagine" not in shell.magics_manager.magics["cell"]:
        shell.register_magic_function(
            no_var_expand(lambda line, cell: imagine(line, cell, shell.user_ns)), "cell", "imagine"
        )


def imagine(line: str, cell: str, names: dict[str, Any]) -> Any:
    """Pictures of what the cell says.

    line: options as `nbgen.generate` takes them, `n=4 seed=7 sampler=heun size=(96, 64) image=picture`, apart by
        spaces. A value is a number, a quoted text, a list, a range, or what the notebook has a name for; else text.
    cell: the prompt; its lines are read as one

    Raises RecipeError, as `nbgen.generate` does.

        %%imagine n=4 seed=7 guidance=3
        a red apple
        on a blue background
    """
    from .making import generate

    found = options(line, names)
    if "prompt" in found:
        raise RecipeError("the prompt of %%imagine is the cell's body, beneath the options.")
    prompt = " ".join(cell.split())
    if not prompt:
        raise RecipeError("the prompt of %%imagine is the cell's body, and there is none.")
    return generate(prompt, **found)


def options(line: str, names: dict[str, Any]) -> dict[str, Any]:
    """The options of a line: names and values.

    >>> options("n=4 sampler=heun size=(96, 64) negative='blurry, dark' seed=start", {"start": 7})
    {'n': 4, 'sampler': 'heun', 'size': (96, 64), 'negative': 'blurry, dark', 'seed': 7}
    """
    found: dict[str, Any] = {}
    for word in _words(line):
        name, equals, text = word.partition("=")
        if not equals or not name.isidentifier() or not text:
            raise RecipeError(
                f"options of %%imagine are written as name=value, as in n=4 seed=7, not {brief(word)}."
            )
        if name in found:
            raise RecipeError(f"{name} is given twice.")
        found[name] = _value(text, names)
    return found


def _words(line: str) -> list[str]:
    """The line split at spaces, but for those inside quotes and brackets."""
    words, depth, quote = [""], 0, ""
    for character in line:
        if quote:
            quote = "" if character == quote and not words[-1].endswith("\\") else quote
        elif character in "\"'":
            quote = character
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        elif character.isspace() and depth == 0:
            words.append("")
            continue
        words[-1] += character
    if quote or depth:
        raise RecipeError(
            f"a {'quote' if quote else 'bracket'} is opened and not closed: {brief(line.strip())}."
        )
    return [word for word in words if word]


def _value(text: str, names: dict[str, Any]) -> Any:
    """What a word means: a literal, something the notebook has a name for, a range of them; else the text itself.

    Nothing is evaluated that could do anything: no call but `range`, no operator but a sign.
    """
    try:
        return _meaning(ast.parse(text, mode="eval").body, names)
    except (SyntaxError, ValueError, LookupError, TypeError, AttributeError):
        return text


def _meaning(node: ast.expr, names: dict[str, Any]) -> Any:
    """The value of a harmless expression. Raises LookupError for any other."""
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.Attribute) and not node.attr.startswith("_"):
        return getattr(_meaning(node.value, names), node.attr)
    if isinstance(node, ast.Subscript):
        return _meaning(node.value, names)[_meaning(node.slice, names)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return range(*(_meaning(each, names) for each in node.args))
    if isinstance(node, ast.List | ast.Tuple):
        kind = list if isinstance(node, ast.List) else tuple
        return kind(_meaning(each, names) for each in node.elts)
    if isinstance(node, ast.Dict) and all(node.keys):
        return {
            _meaning(key, names): _meaning(value, names)
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        }
    if isinstance(node, ast.Constant | ast.UnaryOp):
        return ast.literal_eval(node)
    raise LookupError(ast.dump(node))
