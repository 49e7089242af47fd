"""Is the house still built as planned? The order of imports, lazy imports, the public names."""

from __future__ import annotations

import ast
import functools
import graphlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "nbgen"

LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(line.split())
    for line in """
    errors machine openmp files quantities unshown saying show values mix model_ref recipe names axes layout arranging
    captions png pixels cost marks parameters metadata picture index pruning shelf writer blobs storage inputs
    counting combining samplers sampling session styling
    engine
    models
    jobs
    verbs
    analytic testing training
    widgets teach
    bench cli __main__
    """.strip().splitlines()
)
"""Every room and every module beside the rooms, in the order of imports: from one's own line and up."""

ALLOWED_INSIDE_FUNCTIONS = {
    ("parameters", "sampling"): "names of samplers, as other programs write them",
    ("picture", "verbs"): "picture.again",
    ("recipe", "verbs"): "recipe.code",
    ("verbs", "widgets"): "live progress registers itself, where there is a notebook",
}
"""The only imports against the order, all inside a function, each with its reason."""


@functools.cache  # asked for once for every import
def modules() -> dict[str, Path]:
    """Dotted name below nbgen → file; a package is named by its folder, nbgen itself is left out."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if parts and not parts[0].startswith("_notebooks"):
            found[".".join(parts)] = path
    return found


def imports(name: str, path: Path) -> Iterator[tuple[str, bool]]:
    """(module of nbgen, whether inside a function) for each import of one; conditional ones count too."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(child) for function in functions for child in ast.walk(function)}
    for node in ast.walk(tree):
        targets: list[list[str]] = []
        if isinstance(node, ast.Import):
            targets = [
                alias.name.split(".")[1:] for alias in node.names if alias.name.split(".")[0] == "nbgen"
            ]
        elif isinstance(node, ast.ImportFrom):
            words = node.module.split(".") if node.module else []
            if node.level:
                base = package[: len(package) - node.level + 1] + words
            elif words[:1] == ["nbgen"]:
                base = words[1:]
            else:
                continue
            targets = [[*base, alias.name] for alias in node.names]
        for target in targets:
            while target and ".".join(target) not in modules():
                target = target[:-1]  # the last word is a name inside the module
            if target:
                yield ".".join(target), id(node) in inside


def layer(name: str) -> int:
    room = name.split(".")[0]
    places = [place for place, rooms in enumerate(LAYERS) if room in rooms]
    assert places, f"nbgen/{room} has no place in the order of imports: give it one in LAYERS."
    return places[0]


def test_imports_run_one_way() -> None:
    against, used = [], set()
    for name, path in modules().items():
        for target, inside in imports(name, path):
            if layer(target) > layer(name):
                rooms = (name.split(".")[0], target.split(".")[0])
                used.add(rooms)
                if not inside or rooms not in ALLOWED_INSIDE_FUNCTIONS:
                    against.append(f"nbgen.{name} imports nbgen.{target}")
    assert not against
    assert used == set(ALLOWED_INSIDE_FUNCTIONS), "an exception that nothing needs any more"


def test_no_two_modules_need_each_other() -> None:
    graph = {
        name: {target for target, inside in imports(name, path) if not inside and target != name}
        for name, path in modules().items()
    }
    tuple(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def test_show_knows_arrays_and_labels_only() -> None:
    known = {
        target
        for name, path in modules().items()
        if name.startswith("show")
        for target, _ in imports(name, path)
    }
    assert {target for target in known if target.split(".")[0] not in ("show", "errors")} == set()


def run_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout


def test_importing_nbgen_is_quick_and_brings_nothing_heavy() -> None:
    code = (
        "import sys, time; start = time.process_time(); import nbgen; took = time.process_time() - start\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'numpy', 'PIL', 'matplotlib', 'ipywidgets'}\n"
        "print(took); print(sorted(heavy & set(sys.modules)))"
    )
    answers = [run_python(code).splitlines() for _ in range(3)]
    assert {heavy for _, heavy in answers} == {"[]"}
    assert min(float(took) for took, _ in answers) <= 0.5


def test_what_lies_below_the_engine_imports_no_torch() -> None:
    names = [name for name in modules() if layer(name) < layer("engine")]
    code = (
        f"import importlib, sys\nfor name in {names}: importlib.import_module('nbgen.' + name)\n"
        "print(sorted({'torch', 'diffusers', 'transformers', 'ipywidgets', 'anywidget'} & set(sys.modules)))"
    )
    assert run_python(code).strip() == "[]"


def test_only_widgets_and_lessons_import_ipywidgets() -> None:
    for name, path in modules().items():
        if layer(name) < layer("widgets"):
            assert not re.search(r"^\s*(import|from) (ipywidgets|anywidget)\b", path.read_text(), re.M), name


def test_public_names_are_never_modules() -> None:
    names = sorted(name for name in modules() if name.split(".")[-1] != "__main__")
    code = (
        f"import importlib, json, nbgen\nfor name in {names}: importlib.import_module('nbgen.' + name)\n"
        "faces = [nbgen] + ([nbgen.teach] if hasattr(nbgen, 'teach') else [])\n"
        "print(json.dumps({face.__name__ + '.' + name: type(getattr(face, name)).__name__\n"
        "    for face in faces for name in face.__all__}))"
    )
    kinds = json.loads(run_python(code).splitlines()[-1])
    assert {name for name, kind in kinds.items() if kind == "module"} <= {"nbgen.errors", "nbgen.teach"}
    assert kinds["nbgen.generate"] == kinds["nbgen.load"] == kinds["nbgen.history"] == "function"


def test_every_module_says_which_question_it_answers() -> None:
    for name, path in modules().items():
        assert ast.get_docstring(ast.parse(path.read_text())), f"nbgen.{name} has no docstring."


ASKED_FOR_AS = {"PIL": "pillow", "skimage": "scikit-image"}
COMES_WITH = {
    "IPython": "ipykernel",
    "httpx": "diffusers",
    "huggingface_hub": "diffusers",
    "jinja2": "nbconvert",
    "jupyter_client": "nbclient",
    "nbformat": "nbclient",
    "traitlets": "ipywidgets",
}
OPTIONAL = {
    "av": "walks as .mp4",
    "peft": "python -m nbgen.training student",
    "playwright": "python -m nbgen.bench browser",
    "pandas": "grid.table() gives a DataFrame where there is one",
}


def test_every_package_that_is_imported_is_asked_for() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    asked = {re.split(r"[<>=\[;]", line)[0] for line in project["dependencies"]}
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            words = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                words = [node.module]
            for top in {word.split(".")[0] for word in words} - sys.stdlib_module_names - {"nbgen"}:
                package = ASKED_FOR_AS.get(top, COMES_WITH.get(top, top))
                assert package in asked or top in OPTIONAL, (
                    f"nbgen.{name} imports {top}, which nothing asks for."
                )
