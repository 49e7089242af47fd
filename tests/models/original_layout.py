"""A tiny pipeline's weights under the names that their makers' own checkpoints have, all in one file.

The names are those of CompVis' latent-diffusion and Stability AI's generative-models; diffusers reads them back.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

_RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
_ENDS = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0", "conv_out": "out.2", "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}  # fmt: skip
_ATTENTION = {"to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out", "group_norm": "norm"}


def write_checkpoint(pipe: Any, path: Path) -> Path:
    """The pipeline's UNet, autoencoder and text encoders as one original checkpoint."""
    tensors = {f"model.diffusion_model.{name}": each for name, each in _unet(pipe.unet).items()}
    tensors |= {f"first_stage_model.{name}": each for name, each in _vae(pipe.vae).items()}
    xl = getattr(pipe, "text_encoder_2", None) is not None
    prefix = "conditioner.embedders.0.transformer." if xl else "cond_stage_model.transformer."
    for name, each in pipe.text_encoder.state_dict().items():
        tensors[f"{prefix}text_model.{name.removeprefix('text_model.')}"] = each
    if xl:
        tensors |= {
            f"conditioner.embedders.1.model.{name}": each
            for name, each in _open_clip(pipe.text_encoder_2).items()
        }
    save_file({name: each.detach().clone().contiguous() for name, each in tensors.items()}, path)
    return path


def _unet(unet: Any) -> dict[str, Tensor]:
    layers = int(unet.config.layers_per_block)
    downs = len(unet.config.down_block_types)
    found = {}
    for name, tensor in unet.state_dict().items():
        side, _, rest = name.partition("_blocks.")
        if side in ("down", "up"):
            block, kind, place, rest = rest.split(".", 3)
            number, layer = int(block), int(place)
            if side == "down":
                if kind == "downsamplers":
                    stem = f"input_blocks.{(number + 1) * (layers + 1)}.0.op"
                    rest = rest.removeprefix("conv.")
                else:
                    stem = f"input_blocks.{1 + number * (layers + 1) + layer}.{int(kind == 'attentions')}"
            elif kind == "upsamplers":
                attends = "CrossAttn" in unet.config.up_block_types[number]
                stem = f"output_blocks.{number * (layers + 1) + layers}.{2 if attends else 1}.conv"
                rest = rest.removeprefix("conv.")
            else:
                stem = f"output_blocks.{number * (layers + 1) + layer}.{int(kind == 'attentions')}"
            rest = _replaced(rest, _RESNET) if kind == "resnets" else rest
            found[f"{stem}.{rest}"] = tensor
        elif name.startswith("mid_block."):
            _, kind, place, rest = name.split(".", 3)
            rest = _replaced(rest, _RESNET) if kind == "resnets" else rest
            found[f"middle_block.{1 if kind == 'attentions' else 2 * int(place)}.{rest}"] = tensor
        else:
            found[_replaced(name, _ENDS)] = tensor
    assert len(found) == len(unet.state_dict()), downs
    return found


def _vae(vae: Any) -> dict[str, Tensor]:
    ups = len(vae.config.up_block_types)
    found = {}
    for name, tensor in vae.state_dict().items():
        new = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
        new = re.sub(r"down_blocks\.(\d+)\.resnets\.", r"down.\1.block.", new)
        new = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0\.", r"down.\1.downsample.", new)
        new = re.sub(r"up_blocks\.(\d+)\.resnets\.", lambda m: f"up.{ups - 1 - int(m[1])}.block.", new)
        new = re.sub(
            r"up_blocks\.(\d+)\.upsamplers\.0\.", lambda m: f"up.{ups - 1 - int(m[1])}.upsample.", new
        )
        new = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", new)
        if "mid_block.attentions.0." in new:
            stem, _, rest = new.partition("mid_block.attentions.0.")
            new = f"{stem}mid.attn_1.{_replaced(rest, _ATTENTION)}"
            if tensor.ndim == 2:
                tensor = tensor[:, :, None, None]  # they are convolutions of one pixel there
        found[new] = tensor
    return found


def _open_clip(encoder: Any) -> dict[str, Tensor]:
    state = encoder.state_dict()
    found: dict[str, Tensor] = {"text_projection": state["text_projection.weight"].T}
    for name, tensor in state.items():
        new = name.removeprefix("text_model.")
        if new.startswith("encoder.layers."):
            new = new.replace("encoder.layers.", "transformer.resblocks.").replace("self_attn", "attn")
            new = new.replace("layer_norm", "ln_").replace("fc1", "c_fc").replace("fc2", "c_proj")
            if "mlp" not in new and re.search(r"\.[qkv]_proj\.", new):
                stem, kind = new.rsplit(".", 2)[0], new.rsplit(".", 1)[1]
                if not new.endswith(f"q_proj.{kind}"):
                    continue
                parts = [state[name.replace("q_proj", f"{each}_proj")] for each in "qkv"]
                new, tensor = f"{stem}.in_proj_{kind}", torch.cat(parts)
        elif new.startswith("embeddings.token_embedding."):
            new = new.removeprefix("embeddings.")
        elif new.startswith("embeddings.position_embedding."):
            new = "positional_embedding"
        elif new.startswith("final_layer_norm."):
            new = new.replace("final_layer_norm", "ln_final")
        else:
            continue  # the projection is there already, and places are counted
        found[new] = tensor
    return found


def _replaced(name: str, names: dict[str, str]) -> str:
    for own, other in names.items():
        if name.startswith(f"{own}."):
            return name.replace(own, other, 1)
    return name
