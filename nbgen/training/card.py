"""What must someone know who uses mini?  Its model card."""

from __future__ import annotations

from typing import Any

from nbgen.training.pictures import BACKGROUNDS, World

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
denoiser (`UNet2DConditionModel`, v-prediction) and a scheduler, in diffusers' own folder layout.
{parameters} Trained from scratch on two CPU cores, in one sitting, by the code in `nbgen/training`.

```python
from diffusers import StableDiffusionPipeline

pipeline = StableDiffusionPipeline.from_pretrained("nbgen/assets/mini")
pipeline("a red apple on a blue background", num_inference_steps=20, guidance_scale=2).images[0]
```

## What it knows

{objects} objects ("red apple", "cat face", "rocket" …) on {colours} backgrounds ({names}); a prompt
that names no background means white. `vocabulary.json` lists the objects, every word captions used, the
wordings, and examples.

## Data

The pictures are rendered and composed by `nbgen/training/pictures.py`; no picture was collected from
anywhere.

- Artwork: [Noto Emoji](https://github.com/googlefonts/noto-emoji), © Google and contributors. The
  artwork is under Apache-2.0, the font (Noto Color Emoji) under the SIL Open Font License 1.1. These
  weights were trained on renderings of that font and reproduce its drawings closely: credit Noto Emoji
  where you show the pictures.
- Names: Unicode's `emoji-test.txt`, © Unicode, Inc., under the Unicode License
  (<https://www.unicode.org/terms_of_use.html>).
- Objects are chosen by a rule (in `pictures.py`): fully-qualified emoji up to Emoji 5.0 of some
  subgroups, plain names of at most two words, no announced variants, no near-duplicates.

## How it was made

{training}

Autoencoder: L1, half as much L1 on differences of neighbouring pixels and (from step 2,000 on) of colour
channels, a little KL. Text encoder and UNet: trained together on precomputed latents of every object on
every background, mean squared error of v, scaled-linear betas .00085 to .012 over 1,000 steps, timesteps
drawn evenly at first and (from step 2,425 on) with a density that rises linearly, a tenth of the captions
empty, running average of the weights (.999). Batches of 16 and 64, AdamW at 2e-3 and 1e-3, warm-up, flat,
and falling over the last 40% of the time. bfloat16 autocast over float32 weights. The files are float16;
compute in float32 on a CPU. (Besides the two changes named, the time planned for the denoiser was changed twice
on the way, 80, 74, 78 minutes, and with it where its learning rate began to fall: after some 46.)

To make it again (needs the Debian packages `fonts-noto-color-emoji` and `unicode-data`, or the like):

```
{commands}
```

The order of the data is fixed by seeds; the number of steps a time budget allows is not, so a second
training gives a model like this one, not this one.

## Figures

{figures}

## Limits

- It is a memoriser of a small, closed world, and that is the point of it: the pictures it was trained
  on are the pictures it gives back, with noise-dependent blemishes. It cannot draw what is not in
  `vocabulary.json`, two objects, other sizes, places or styles.
- 64×64 pixels, and no crisper than its autoencoder.
- Words outside the vocabulary have tokens that were never trained; they do something, but nothing that
  was learned.
- English, in few wordings.
"""


def model_card(world: World, training: dict[str, dict[str, Any]], figures: dict[str, Any] | None) -> str:
    """The text of README.md, from each part's steps and minutes and from what `evaluate` gave."""
    lines = [
        f"- {part}: {facts['steps']:,} steps in {facts['minutes']} minutes"
        for part, facts in training.items()
    ]
    commands = [
        f"python -m nbgen.training {part} --budget {facts['minutes']:.0f}m"
        for part, facts in training.items()
    ]
    return CARD.format(
        parameters="About 14 million parameters in all."
        if "denoiser" in training
        else "The denoiser is untrained.",
        objects=len(world.names),
        colours=len(BACKGROUNDS),
        names=", ".join(BACKGROUNDS),
        training="Time on two shared CPU cores:\n\n" + "\n".join(lines),
        commands="\n".join(
            [*commands, *(f"python -m nbgen.training {part}" for part in ("export", "evaluate"))]
        ),
        figures=figures_table(figures) if figures else "Not evaluated yet.",
    )


def figures_table(figures: dict[str, Any]) -> str:
    """What `python -m nbgen.training evaluate` printed, as a table."""
    count, auto = figures["prompts"], figures["autoencoder"]
    rows = [
        f"`python -m nbgen.training evaluate`: {count} prompts from the vocabulary, seed {figures['seed']},",
        f"every other one naming a background, {figures['steps']} steps of DPM++ 2M. The nearest of the",
        f"{figures['objects']} objects, drawn on the asked background and compared pixel by pixel, should be",
        "the asked one.",
        "",
        "| guidance | object right | among nearest five | background right | mean SSIM to it | of the best |",
        "|---|---|---|---|---|---|",
    ]
    for guidance, f in figures["guidance"].items():
        rows.append(
            f"| {guidance} | {f['object right']} of {count} | {f['object in nearest five']} of {count} |"
            f" {f['colour right']} of {f['colours asked']} | {f['ssim']:.3f} | {f['share of bound']:.2f} |"
        )
    rows += [
        "",
        "The best possible is that of the autoencoder alone, on the pictures asked for:",
        f"{auto['ssim']:.3f} ({auto['psnr']} dB).",
    ]
    return "\n".join(rows)
