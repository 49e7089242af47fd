"""What must someone know who uses mini?  Its model card, with the figures that `evaluate` found."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from nbgen.training.pictures import BACKGROUNDS, World
from nbgen.training.scenes import HELD_OUT_OF, STYLES

CARD = """\
---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
tags: [text-to-image, latent-diffusion, emoji, teaching]
language: en
---

# mini: a complete latent diffusion model, for laptops and lessons

Text to a 64×64 picture: an autoencoder (`AutoencoderKL`, factor 4), a text encoder (`CLIPTextModel`), a
denoiser (`UNet2DConditionModel`, v-prediction) and a scheduler, in diffusers' own folder layout. {denoiser}
Trained by the code in `nbgen/training`, from a font to a model.

```python
from diffusers import StableDiffusionPipeline

pipeline = StableDiffusionPipeline.from_pretrained("nbgen/assets/mini")
pipeline("a red apple on a blue background", num_inference_steps=20, guidance_scale=2).images[0]
```

## What it knows

{objects} objects ("red apple", "bicycle", "rocket" …), many by other names, too ("bike"), on {colours}
backgrounds ({names}; unsaid means white, for a neon
picture black); small or large; at the left, right, top or bottom; two or three of them; one next to, above or
below another; mirrored; and in {styles}.
`vocabulary.json` lists the objects, every word captions used, the wordings, and examples. {clip}

## Data

The pictures are rendered and composed by `nbgen/training` (`objects`, `scenes`, `composition`, `styles`); no
picture was collected from anywhere.

- Artwork: [Noto Emoji](https://github.com/googlefonts/noto-emoji), © Google and contributors. The
  artwork is under Apache-2.0, the font (Noto Color Emoji) under the SIL Open Font License 1.1. These
  weights were trained on renderings of that font and reproduce its drawings closely: credit Noto Emoji
  where you show the pictures.
- Names: Unicode's `emoji-test.txt`; synonyms: CLDR's English annotations; both © Unicode, Inc., under the
  Unicode License (<https://www.unicode.org/terms_of_use.html>).
- Objects are chosen by a rule (`objects.py`): fully-qualified emoji without skin tones, flags of places and
  lettered signs, one form of each person, no two that look alike.
- One pair of objects in {held_out} was never trained on, so that putting two together can be judged on pairs
  that are new.

## How it was made

{training}{remarks}

Autoencoder: L1, half as much L1 on differences of neighbouring pixels and of colour channels, a little KL.
Text encoder: learns before any noise comes in (`words`). Its word vectors begin as principal components of the
objects' latents, divided among the words of their names by least squares (`naming`). Its last sixteen tokens, padding,
must each give one sixteenth of the scene's latents by a linear map, the pooled token all of them; mean squared error,
batches of 512 captions. What a caption leaves open is there as one would expect it.
UNet: on latents of composed scenes that are renewed all the time, the text encoder as it is; mean
squared error of v, scaled-linear betas .00085 to .012 over 1,000 steps, timesteps with a density that rises
linearly, a tenth of the captions empty, running average of the weights (.999), batches of 64. It began with the
weights of the first mini (432 objects), and with two heads of its attention set by least squares to listen to
the token of their own part of the picture (`listening`). Muon for matrices, AdamW for the rest; warm-up, flat,
and falling over the last 40%. bfloat16 autocast over float32 weights where the machine is faster with it. The files are
float16; compute in float32 on a CPU.

Decoder: the autoencoder's second half learns once more at the end, with the loss of the autoencoder, two thirds on
exact latents and one third on what the UNet takes noisy ones for; half of the pictures are in a style.

To make it again (needs the Debian packages `fonts-noto-color-emoji`, `unicode-data` and `unicode-cldr-core`, or
the like):

```
{commands}
```

{first}The order of the data is fixed by seeds.

## Figures

{figures}

{pictures}

## Limits

- It is a memoriser of a small, closed world, and that is the point of it: the objects it was trained on are
  the objects it gives back, with noise-dependent blemishes. It cannot draw what is not in `vocabulary.json`.
- 64×64 pixels, and no crisper than its autoencoder.
- Sizes, places, numbers and pairs are those of the wordings; a style goes with one object, all of the picture.
- Words outside the vocabulary have tokens that were never trained; they do something, but nothing that
  was learned.
- English, in few wordings.
"""

FIRST = "FIRST is the folder `nbgen/assets/mini` of the repository's commit 5d42dd9, or any later mini.\n\n"
"""Where a training begins that has no autoencoder of its own."""

SKETCH_CARD = """\
---
license: apache-2.0
library_name: diffusers
tags: [controlnet, emoji, teaching]
---

# mini-sketch: lines that mini follows

A `ControlNetModel` without attention for `mini`, in diffusers' own layout. It takes white lines on black, 64×64, such
as `nbgen.edges` finds in a picture, or a hand draws. Its figures, and how it was trained, are in the card of `mini`.
The data are the same: renderings of Noto Emoji, © Google and contributors, Apache-2.0; credit it where you show the
pictures.
"""
"""The text of README.md beside the ControlNet's weights."""

VARIANTS = ("student", "sketch")
"""Trained on the exported model; not part of `all`."""

CORES, WATTS = 2, 10
"""Of the machine that trained; watts of one busy core are a guess."""

PICTURES = {
    "sheet.png": "![A hundred pictures of every kind over their prompts](sheet.png)",
    "failures.png": "What goes wrong, as made (left) and as asked (right):\n\n"
    "![Wrong pictures beside those that were asked for](failures.png)",
    "sketch.png": "Lines, what the ControlNet made of them with the words, and what the words alone made of the same "
    "noise:\n\n![Lines above, pictures below](sketch.png)",
    "report.png": "How the training went:\n\n![The loss, samples on the way, and the nearest pictures](report.png)",
}
"""What the card says of each picture that lies beside it."""


def model_card(
    world: World,
    training: dict[str, dict[str, Any]],
    figures: dict[str, Any] | None,
    *,
    remarks: str = "",
    pictures: Collection[str] = (),
) -> str:
    """The text of README.md, from each part's steps and minutes and from what `evaluate` gave.

    remarks: what else is to be said of this training; pictures: those of PICTURES that lie beside it
    """
    lines = [
        f"- {part}: {facts['steps']:,} steps in {facts['minutes']} minutes"
        for part, facts in training.items()
    ]
    hours = sum(facts["minutes"] for facts in training.values()) / 60
    lines += [
        "",
        f"Energy was not measured; at {WATTS} W for each of the {CORES} cores, {hours:.1f} hours take "
        f"{hours * CORES * WATTS / 1000:.2f} kWh.",
    ]
    # Without an autoencoder of its own a training borrows that of the model it begins with.
    begin = "" if "autoencoder" in training else " --start-from FIRST"
    commands = {
        part: f"python -m nbgen.training {part} --budget {facts['steps']}steps{begin}"
        for part, facts in training.items()
    }
    export = f"python -m nbgen.training export{begin}"
    variants = [commands.pop(part) for part in VARIANTS if part in commands]
    after = [f"python -m nbgen.training {part}" for part in ("evaluate", "report")]
    *most, last = STYLES
    return CARD.format(
        denoiser="" if "denoiser" in training else "The denoiser is untrained.",
        objects=len(world.names),
        colours=len(BACKGROUNDS),
        names=", ".join(BACKGROUNDS),
        styles=f"{len(STYLES)} styles ({', '.join(most)} and {last})",
        clip="Its own CLIP (`clip`, a transformers `CLIPModel`) tells how well words fit a picture."
        if "clip" in training
        else "",
        held_out=HELD_OUT_OF,
        training="Time on two shared CPU cores:\n\n" + "\n".join(lines),
        remarks=f"\n\n{remarks.strip()}" if remarks else "",
        pictures="\n\n".join(text for name, text in PICTURES.items() if name in pictures),
        commands="\n".join([*commands.values(), export, *variants, *after, export]),
        first=FIRST if begin else "",
        figures=figures_tables(figures) if figures else "Not evaluated yet.",
    )


def figures_tables(figures: dict[str, Any]) -> str:
    """What `python -m nbgen.training evaluate` printed, as tables."""
    rows = [
        f"`python -m nbgen.training evaluate --share {figures['share']:g}`: prompts drawn by seed {figures['seed']}, "
        f"{figures['steps']} steps of DPM++ 2M at",
        f"guidance {figures['guidance']:g}, compared pixel by pixel with every one of the {figures['objects']} objects "
        "at every size and place.",
        "Beside each share, what the same code finds in pictures drawn for the same prompts, and in those after the",
        "autoencoder. Styles are told by judges fitted on drawn pictures, and (decoded) on drawn ones after the "
        "autoencoder.",
        "",
        "| asked for | prompts | right | of drawn pictures | of those, after the autoencoder |",
        "|---|---|---|---|---|",
    ]
    for kind, found in figures["kinds"].items():
        for key in found:
            if f"references: {key}" in found:
                shares = (found[key], found[f"references: {key}"], found[f"autoencoder: {key}"])
                cells = " | ".join(_number(value) for value in shares)
                rows.append(f"| {kind}: {key} | {found['prompts']} | {cells} |")
        if "object by own features" in found:
            own = _number(found["object by own features"])
            rows.append(f"| {kind}, nearest by its own CLIP | {found['prompts']} | {own} | | |")
    behaviour = figures["behaviour"]
    rows += ["", "| guidance | object right | error to the nearest object (0 to 255) |", "|---|---|---|"]
    rows += [
        f"| {guidance} | {_number(found['object'])} | {found['error']:.1f} |"
        for guidance, found in behaviour["guidance"].items()
    ]
    for name, what in (
        ("few steps", "Object right, by steps with guidance 2 or without (one call a step)"),
        ("samplers", "Distance from the converged solution of the same noise (0 to 255)"),
        ("diversity", "Mean distance between two pictures of one prompt, size and place unsaid"),
        ("novelty", "Distance to the nearest picture that training could draw"),
        ("cost", "Cost on the machine that measured (seconds a picture of 20 guided steps)"),
    ):
        values = ", ".join(f"{key} {value:.4g}" for key, value in behaviour[name].items())
        rows += ["", f"{what}: {values}."]
    painted = figures["inpainting"]
    rows += [
        "",
        "Inpainting without a UNet of its own, one half of a pair painted anew: the new object is right in "
        f"{_number(painted['new object'])}, the kept one still there in {_number(painted['kept object'])}.",
    ]
    if "sketch" in figures:
        told = ", ".join(
            f"{key} {_number(value)}" for key, value in figures["sketch"].items() if key != "prompts"
        )
        rows += [
            "",
            f"Outlines, by the ControlNet `mini-sketch` ({figures['sketch']['prompts']:.0f} drawn): {told}.",
        ]
    missed = [name for name, bar in figures["bars"].items() if not bar["reached"]]
    rows += ["", f"Bars missed: {', '.join(missed)}." if missed else "Every bar was reached."]
    return "\n".join(rows)


def _number(value: float) -> str:
    return f"{value:.3f}"
