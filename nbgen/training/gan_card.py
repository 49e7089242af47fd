"""What must be said about mini-gan beside its weights?  Its model card."""

from __future__ import annotations

from typing import Any

from nbgen.training.gan_words import with_larger

CARD = """\
---
license: apache-2.0
tags: [gan, text-to-image, emoji, teaching]
language: en
---

# mini-gan: a small style-based GAN, for laptops and lessons

One forward to a 64×64 picture: a mapping network from z and words to a style w, six convolutions that w modulates
(coarse 4×4, middle 8×8, fine 16×16), and an autoencoder's decoder. The discriminator is there, too: lessons ask it.

```python
import nbgen

gan = nbgen.load("mini-gan")
nbgen.generate("any fruit on a blue background", n=8, seed=0, model=gan)
```

## What it knows

{objects} objects by name ("a red apple"), {groups} groups ({group_names}) as "any fruit", and
{backgrounds} backgrounds. What a prompt leaves open, z decides: nothing of the picture of "a red apple on a blue
background", the fruit and the background of "any fruit", everything of "". `vocabulary.json` lists all of it. A word
that is not there is an error: unlike a diffusion model's text encoder, a GAN's list of conditions is closed.

## Data

Noto Emoji, rendered and composed by `nbgen/training/pictures.py`, as latents of the autoencoder of nbgen's `mini`.
Artwork: [Noto Emoji](https://github.com/googlefonts/noto-emoji), © Google and contributors, Apache-2.0; the font
under the SIL Open Font License 1.1. Names: Unicode's `emoji-test.txt`. These weights reproduce the drawings closely:
credit Noto Emoji where you show the pictures.

## How it was made

`python -m nbgen.training gan`: {steps:,} steps of 64 in {minutes} minutes on two shared CPU cores, in float32.

- It does not begin with noise. A generator whose picture is linear in the style can be solved for: two singular value
  decompositions of the {pictures:,} pictures' latents are its weights at step 0, and the pictures are nameable there
  already. From random weights, 532 steps of the same training gave blobs.
- In this world each object on each background has exactly one picture, so a conditional GAN has one right answer, and
  the fastest teacher of it is to say it: mean absolute error of the latents and of their differences, weight 10. Every
  other step is adversarial as well, weight 0.3: the relativistic loss of R3GAN (2501.05441) with a projection
  discriminator, R1 and R2 by finite differences (2501.08316), every fourth time.
- The mapping network's hidden layer is a softmax over objects and backgrounds, masked by the words. z chooses there.
- A fifth of the batch has the fine styles of another sample, and should be the one's object on the other's
  background. Three tenths lie between two styles, and have no right answer: the discriminator judges them, and a fifth
  of the weight of reconstruction keeps them near the mixture of the two's latents.
- That last rule came late. Up to step 1,800 only the discriminator judged what lies between: double exposures stayed
  double exposures. Up to 6,000 it did so with five times the weight: they became mosaics that it believed. The code
  now keeps the rule from the beginning, and was not run so from step 0.
- Learning rate 2e-4, from step 1,800 on 4e-4, falling twice: to 4e-5 by step 6,000, and from 2e-4 to 4e-6 at the end;
  the discriminator's 1e-3, falling alike.
- No augmentation: the discriminator sees all {pictures:,} pictures there are, so there is nothing it could overfit to.
- Running average of the generator (.998). Files are float16, computed in float32.

## Figures

{figures}

## Limits

- It is as much a memory as a GAN: its start and most of its loss are reconstruction. What the adversary adds is between
  the pictures: mixed and halfway styles.
- The middle layers have little to say: what is drawn, its outline and its colours, sit in the coarse ones, and the
  background in the fine ones.
- Styles between two objects are seldom a third one: a GAN's map from z to pictures is continuous, and this world is
  not. Some pictures of "" show two things at once.
- 64×64 pixels, and no crisper than its autoencoder.
"""


def gan_card(facts: dict[str, Any], figures: dict[str, Any] | None) -> str:
    """The text of README.md, from a checkpoint's facts and what `evaluate gan` gave."""
    rows = [f"| {name} | {as_text(value)} |" for name, value in (figures or {}).items()]
    table = "`python -m nbgen.training evaluate gan`:\n\n| figure | value |\n|---|---|\n" + "\n".join(rows)
    groups = with_larger(facts["groups"])
    return CARD.format(
        objects=len(facts["objects"]),
        groups=len(groups),
        group_names=", ".join(groups),
        backgrounds=facts["generator"]["backgrounds"],
        pictures=len(facts["objects"]) * facts["generator"]["backgrounds"],
        steps=facts["step"],
        minutes=round(facts["seconds"] / 60),
        figures=table if figures else "Not evaluated yet.",
    )


def as_text(value: Any) -> str:
    """A figure in a cell of a table."""
    if isinstance(value, dict):
        return "; ".join(f"{name}: {as_text(part)}" for name, part in value.items())
    if isinstance(value, list):
        return " to ".join(map(str, value))
    return str(value)
