"""What steers a model, as diffusers code: ControlNets, adapters of both kinds, new words, another autoencoder."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import RecipeError
from ..models.shipped import shipped_parts
from ..recipe import Recipe
from .dialects import Dialect

_FAMILIES = {"sd": "StableDiffusion", "sdxl": "StableDiffusionXL"}
_TWO = ("text_encoder=pipe.text_encoder", "tokenizer=pipe.tokenizer")


@dataclass
class Steered:
    """What steering adds to a recipe's code.

    classes: those of diffusers to import; imports: further lines of that; parts: lines before the pipeline is made;
    loading: arguments with which it is made; loaded: lines after that; before: lines before it is called;
    arguments: of that call
    """

    pipeline: str
    classes: list[str] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    loading: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)


def steered(recipe: Recipe, dialect: Dialect, pipeline: str) -> Steered:
    """The code for control, adapters, image_prompt, and what the model was given; `pipeline` is the class without.

    What only the reader has, files and pictures, stands as `...` with a comment. Raises RecipeError where no stock
    pipeline does the same.
    """
    found = Steered(pipeline)
    dtype = "" if recipe.model is None else recipe.model.dtype
    options = "" if dtype in ("", "float32") else f", torch_dtype=torch.{dtype}"
    _given(recipe, dialect, options, found)
    _adapted(recipe, found)
    if recipe.control:
        _controlled(recipe, dialect, options, found)
    if recipe.image_prompt:
        _looking(recipe, options, found)
    if found.before:
        found.imports.append("from PIL import Image, ImageOps" if recipe.control else "from PIL import Image")
        found.before.insert(0, "")
    return found


def _given(recipe: Recipe, dialect: Dialect, options: str, found: Steered) -> None:
    """What was given to the model as it was loaded, and changes pictures whose recipe does not name it."""
    for kind, name in recipe.model.beside if recipe.model is not None else ():
        if kind == "vae":
            found.classes.append("AutoencoderKL")
            found.parts.append(f"vae = AutoencoderKL.from_pretrained(...{options})  # the one given as vae=")
            found.loading.append("vae=vae")
        elif kind == "embeddings" and not dialect.pooled:
            found.loaded.append(f"pipe.load_textual_inversion(..., token={name!r})  # the file of this word")
        elif kind == "embeddings":
            for part, key in (("", "clip_l"), ("_2", "clip_g")):
                where = ", ".join(each + part for each in _TWO)
                found.loaded.append(
                    f"pipe.load_textual_inversion(..., token={name!r}, {where})  # {key} of the file of this word"
                )


def _adapted(recipe: Recipe, found: Steered) -> None:
    """diffusers' own way with LoRAs, which needs peft."""
    if recipe.adapters:
        names, weights = (
            [name for name, _ in recipe.adapters],
            [weight for _, (_, weight) in recipe.adapters],
        )
        found.loaded += [
            f"pipe.load_lora_weights(..., adapter_name={name!r})  # the file with SHA-256 {digest[:12]}…"
            for name, (digest, _) in recipe.adapters
        ]
        found.loaded.append(f"pipe.set_adapters({names!r}, adapter_weights={weights!r})")


def _controlled(recipe: Recipe, dialect: Dialect, options: str, found: Steered) -> None:
    stem = _FAMILIES["sdxl" if dialect.pooled else "sd"]
    if recipe.guidance_rescale and not dialect.pooled:
        raise RecipeError(
            "diffusers' pipelines for ControlNets have no guidance_rescale: this recipe is nbgen's alone."
        )
    ours = (None if recipe.model is None else shipped_parts(recipe.model)) or {}
    pictures, weights = [], [weight for _, (_, weight) in recipe.control]
    for place, (name, (digest, _)) in enumerate(recipe.control):
        pictures.append(f"control_{place}")
        folder = f'f"{{nbgen}}/assets/{ours[name]}"' if name in ours else "..."
        comment = "" if name in ours else f"  # the ControlNet {name!r}"
        found.parts.append(f"net_{place} = ControlNetModel.from_pretrained({folder}{options}){comment}")
        found.before += [
            f'control_{place} = Image.open(...).convert("RGB")  # the control picture {digest[:8]}…',
            f"control_{place} = ImageOps.fit(control_{place}, {recipe.size}, Image.Resampling.LANCZOS)",
        ]
    nets = [f"net_{place}" for place in range(len(weights))]
    called = "image" if recipe.image is None else "control_image"
    found.pipeline = found.pipeline.replace(stem, f"{stem}ControlNet", 1)
    found.classes.append("ControlNetModel")
    found.loading.append(f"controlnet={_one_or_all(nets)}")
    found.arguments += [
        f"{called}={_one_or_all(pictures)}",
        f"controlnet_conditioning_scale={_one_or_all([repr(weight) for weight in weights])}",
    ]


def _looking(recipe: Recipe, options: str, found: Steered) -> None:
    if not all(isinstance(picture, str) for _, (picture, _) in recipe.image_prompt):
        raise RecipeError(
            "diffusers' pipelines look at no mixture of pictures: this recipe is nbgen's alone."
        )
    names = ", ".join(repr(name) for name, _ in recipe.image_prompt)
    found.imports.append("from transformers import CLIPVisionModelWithProjection")
    found.parts.append(
        f"eye = CLIPVisionModelWithProjection.from_pretrained(...{options})  # what IP-Adapters see with"
    )
    found.loading.append("image_encoder=eye")
    found.loaded += [
        'pipe.load_ip_adapter([...], subfolder="", weight_name=[...], image_encoder_folder=None)'
        f"  # folders and files of {names}",
        f"pipe.set_ip_adapter_scale({[weight for _, (_, weight) in recipe.image_prompt]!r})",
    ]
    for place, (name, (digest, _)) in enumerate(recipe.image_prompt):
        found.before.append(
            f'look_{place} = Image.open(...).convert("RGB")  # the picture {digest[:8]}… for {name!r}'
        )
    pictures = ", ".join(f"look_{place}" for place in range(len(recipe.image_prompt)))
    found.arguments.append(f"ip_adapter_image=[{pictures}]")


def _one_or_all(each: list[str]) -> str:
    """One as it is, several as a list: so diffusers' pipelines tell one ControlNet from several."""
    return each[0] if len(each) == 1 else f"[{', '.join(each)}]"
