"""How does a picture come in four steps?  A student takes in one step what its teacher takes in several.

Progressive distillation (Salimans and Ho, 2202.00512) with guidance built in (Meng et al., 2210.03142), in one
round: between neighbouring timesteps of a short schedule the teacher walks in small guided steps, and the student
learns the v that goes there at once. What it learns is a LoRA on the UNet, a megabyte or two.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from PIL import Image
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from nbgen.training import checkpoints
from nbgen.training.loop import autocast
from nbgen.training.shards import Shards
from nbgen.training.sheets import contact_sheet, to_pixels
from nbgen.training.supply import Supply
from nbgen.training.tokenizer import tokenize
from nbgen.training.walking import Walk

CALLS = 4
"""Of the student, for one picture."""
LAYERS = [
    "to_q",
    "to_k",
    "to_v",
    "to_out.0",
    "conv1",
    "conv2",
    "ff.net.0.proj",
    "ff.net.2",
    "proj_in",
    "proj_out",
]
"""The layers of the UNet that the LoRA changes."""


class StudentLearner:
    """Trains the LoRA. A `nbgen.training.loop.Learner`.

    pipeline: the teacher, an exported mini; supply: as the denoiser's; guidance: what is built in; small_steps: of the
    teacher for one of the student's
    """

    name = "student"

    def __init__(
        self, pipeline: Any, supply: Supply, device: torch.device, *,
        guidance: float = 2.0, rank: int = 24, small_steps: int = 4, seed: int = 0,
    ) -> None:  # fmt: skip
        torch.manual_seed(seed)
        self.supply, self.device, self.batch = supply, device, supply.batch
        self.guidance, self.peak = guidance, 5e-4
        self.vae = pipeline.vae.to(device)
        self.tokenizer: CLIPTokenizer = pipeline.tokenizer
        self.text_encoder: CLIPTextModel = pipeline.text_encoder.to(device).requires_grad_(False)
        self.teacher: UNet2DConditionModel = pipeline.unet.to(device).requires_grad_(False)
        self.student = UNet2DConditionModel.from_config(self.teacher.config).to(device).requires_grad_(False)
        self.student.load_state_dict(self.teacher.state_dict())
        if device.type == "cpu":
            for unet in (self.teacher, self.student):
                unet.set_attn_processor(AttnProcessor())
        self.student.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=LAYERS))
        self.parameters = [p for p in self.student.parameters() if p.requires_grad]
        self.noising = DDPMScheduler.from_config(pipeline.scheduler.config)
        self.walk = Walk(self.teacher, self.noising, guidance, small_steps)
        self.shards = Shards.on(device)
        self.optimizer = torch.optim.AdamW(self.parameters, lr=self.peak, betas=(0.9, 0.99), weight_decay=0)

    def stations(self) -> Tensor:
        """The student's timesteps and the end, as DDIM with trailing spacing has them: 999, 749, 499, 249, -1."""
        every = self.noising.config.num_train_timesteps
        return torch.arange(CALLS, -1, -1) * every // CALLS - 1

    def step(self, number: int, rate: float) -> float:
        """One step of AdamW on one batch."""
        latents, captions = self.supply.draw(number)
        clean = latents * self.vae.config.scaling_factor
        random = torch.Generator().manual_seed(number)
        noise = torch.randn(clean.shape, generator=random)
        which = torch.arange(self.batch) % CALLS
        batch = (clean, noise, which, tokenize(self.tokenizer, captions))
        on_device = tuple(tensor.to(self.device) for tensor in batch)
        loss = self.shards.descend(self.optimizer, self.peak * rate, self.loss, on_device, self.parameters)
        return loss

    def loss(self, clean: Tensor, noise: Tensor, which: Tensor, tokens: Tensor) -> Tensor:
        """Mean squared error of v; `which` (n) are numbers of stations, the other shapes are as the denoiser's."""
        stations = self.stations().to(clean.device)
        begin, end = stations[which], stations[which + 1]
        noisy = self.noising.add_noise(clean, noise, begin)
        with autocast(self.device):
            with torch.no_grad():
                words = self.text_encoder(tokens).last_hidden_state
                empty = tokenize(self.tokenizer, [""]).to(tokens.device).expand(len(tokens), -1)
                nothing = self.text_encoder(empty).last_hidden_state
                reached = self.walk(noisy, begin, end, words, nothing)
            made = self.student(noisy, begin, words).sample
        return F.mse_loss(made.float(), self.walk.velocity(noisy, begin, reached, end))

    def tensors(self) -> checkpoints.Tensors:
        """The LoRA and its moments."""
        moments = checkpoints.optimizer_tensors(self.optimizer)
        return {
            **checkpoints.prefixed("lora", get_peft_model_state_dict(self.student)),
            **checkpoints.prefixed("moments", moments),
        }

    def restore(self, tensors: checkpoints.Tensors) -> None:
        """Take up a checkpoint."""
        set_peft_model_state_dict(self.student, checkpoints.under("lora", tensors))
        checkpoints.restore_optimizer(self.optimizer, checkpoints.under("moments", tensors))

    def facts(self) -> dict[str, Any]:
        """How it is to be sampled."""
        return {"calls": CALLS, "guidance": self.guidance}

    def export(self, folder: Path) -> None:
        """Write the LoRA as `pipeline.load_lora_weights` and `nbgen.load(…, lora=…)` read it."""
        StableDiffusionPipeline.save_lora_weights(
            folder,
            unet_lora_layers=get_peft_model_state_dict(self.student),
            weight_name="few-step.safetensors",
        )

    @torch.no_grad()
    def sheet(self) -> Image.Image:
        """Twenty captions of one step in four calls each."""
        _, captions = self.supply.draw(0)
        words = self.text_encoder(tokenize(self.tokenizer, captions[:20]).to(self.device)).last_hidden_state
        scheduler = DDIMScheduler.from_config(self.noising.config, timestep_spacing="trailing", **AS_TRAINED)
        scheduler.set_timesteps(CALLS)
        x = torch.randn((len(words), 4, 16, 16), generator=torch.Generator().manual_seed(0)).to(self.device)
        for timestep in scheduler.timesteps:
            x = scheduler.step(self.student(x, timestep, words).sample, timestep, x).prev_sample
        return contact_sheet(
            to_pixels(self.vae.decode(x / self.vae.config.scaling_factor).sample), columns=10
        )


AS_TRAINED = {"set_alpha_to_one": False, "clip_sample": False}
"""What DDIM must be told beside the spacing, so that it ends where the student was taught to end."""
