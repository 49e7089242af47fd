"""How does mini's CLIP lie in mini's folder?  Beside the text encoder, whose weights it shares."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

from nbgen.training import checkpoints
from nbgen.training.clip import make_clip
from nbgen.training.folders import correct, write_json

TOWER = "text_model."
IMAGE = "image.safetensors"
"""What of a CLIP is not in its text tower."""


def export_clip(out: Path, folder: Path) -> bool:
    """Put mini's own CLIP into `folder`/clip, which transformers' CLIPModel loads; False if none has been trained.

    Its text tower is the model's text encoder, and lies there only: an index says in which file each weight is, as
    it does for models that are too large for one file. Raises ValueError where it learned beside another tower.
    """
    trained = out / "clip.safetensors"
    if not trained.exists():
        return False
    text = folder / "text_encoder" / "model.safetensors"
    model = make_clip(CLIPTextModel.from_pretrained(text.parent))
    kept = checkpoints.under("model", checkpoints.load(trained)[0])
    own = {name: tensor for name, tensor in kept.items() if not name.startswith(TOWER)}
    for name, tensor in model.state_dict().items():
        if name.startswith(TOWER) and not torch.allclose(kept[name], tensor, rtol=1e-2, atol=1e-3):
            raise ValueError(
                "the CLIP was trained beside another text encoder: train it anew, `clip --fresh`."
            )
    clip = folder / "clip"
    model.config.save_pretrained(clip)
    correct(clip / "config.json", dtype="float32", architectures=["CLIPModel"])
    save_file({name: own[name].half().contiguous() for name in own}, clip / IMAGE, metadata={"format": "pt"})
    shared = f"../{text.parent.name}/{text.name}"
    places = {name: shared if name.startswith(TOWER) else IMAGE for name in sorted(model.state_dict())}
    size = {"total_size": sum(2 * tensor.numel() for tensor in model.state_dict().values())}
    write_json(clip / "model.safetensors.index.json", {"metadata": size, "weight_map": places})
    return True


def prefixed_tower(path: Path) -> None:
    """Name a text encoder's weights as Stable Diffusion's are named, and as they are in a CLIPModel."""
    tensors = load_file(path)
    save_file(
        {TOWER + name.removeprefix(TOWER): t for name, t in tensors.items()}, path, metadata={"format": "pt"}
    )
