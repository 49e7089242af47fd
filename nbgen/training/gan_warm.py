"""Where does mini-gan begin?  At the best draft that is linear in a style: two singular value decompositions.

Regressing a random generator onto the latents of all pictures would take hours to get there. The latents of one object
on ten backgrounds are what stands in front plus masks times colours (eight masks leave 0.6% of the variance), and the
objects' fronts and masks are a mean plus a few hundred principal components (Turk and Pentland's eigenfaces).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nbgen.models.gan_networks import StyleGenerator


@torch.no_grad()
def warm_start(generator: StyleGenerator, latents: Tensor) -> float:
    """Set the draft, the colours and the codes of every object and background; the rest then adds nothing at first.

    latents: (objects, backgrounds, 4, 16, 16). Returns the part of their variance that the draft leaves.
    """
    objects, backgrounds, channels = latents.shape[:3]
    masks, style = generator.config["masks"], generator.config["style"]
    # The last dimensions of a style are the background's.
    room = min(style - backgrounds, objects)
    latents = latents.float().cpu()
    front = latents.mean(dim=1)
    rest = (latents - front[:, None]).permute(0, 3, 4, 1, 2).flatten(3)
    _, _, templates = torch.linalg.svd(rest.flatten(0, 2), full_matrices=False)
    templates = templates[:masks]
    found = (rest @ templates.T).permute(0, 3, 1, 2)
    # A mask's error shows on every background, the front's too: equal weights need the root of their number.
    weight = backgrounds**-0.5
    both = torch.cat([front, weight * found], dim=1).flatten(1)
    mean = both.mean(dim=0)
    left, sizes, right = torch.linalg.svd(both - mean, full_matrices=False)
    codes = left[:, :room] * sizes[:room]
    scale = codes.square().mean().sqrt()

    undo = torch.ones(channels + masks, 16, 16)
    undo[channels:] /= weight
    draft, colour = linear(generator.draft), linear(generator.colour)
    draft.weight.zero_()
    draft.weight[:, :room] = (right[:room] * scale).T * undo.flatten()[:, None]
    draft.bias.copy_(mean * undo.flatten())
    colour.weight.zero_()
    colour.weight[:, style - backgrounds :] = (
        templates.unflatten(1, (backgrounds, channels)).permute(2, 0, 1).flatten(0, 1)
    )
    colour.bias.zero_()
    table = generator.mapping.codes
    table.zero_()
    table[:objects, :room] = codes / scale
    table[objects:, style - backgrounds :] = torch.eye(backgrounds)
    for last in (linear(generator.mapping.layers, -1), generator.last):
        for parameter in last.parameters():
            parameter.zero_()
    made = generator.synthesis(
        (table[:objects, None] + table[None, objects:]).flatten(0, 1)[:, None].expand(-1, 6, -1)
    )
    return float((made.reshape(latents.shape) - latents).var() / latents.var())


def linear(layers: nn.Module, place: int = 0) -> nn.Linear:
    """One linear layer of several."""
    assert isinstance(layers, nn.Sequential)
    found = layers[place]
    assert isinstance(found, nn.Linear)
    return found
