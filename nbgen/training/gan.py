"""How does a generator learn to fool a discriminator, in the latent space of mini's autoencoder?

The adversarial loss is relativistic (R3GAN, Huang et al., 2501.05441): each made picture is judged against a real
one for the same words. What the words and z settle between them has one right picture in this world, and that is
said outright: the generator begins at the best linear draft, a reconstruction term keeps it to what is right, and the
discriminator is there for what nobody can say, what a style between two objects should look like. Alone it is too
easily fooled there (by mosaics, 4,000 steps of it showed): the mixture of both keeps such a style in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor

from nbgen.models.gan_networks import RANGES, Discriminator, StyleGenerator, everywhere
from nbgen.training import checkpoints
from nbgen.training.averaging import Average
from nbgen.training.denoiser import encode_world
from nbgen.training.gan_sheet import curves, sheet_of
from nbgen.training.gan_warm import warm_start
from nbgen.training.gan_words import groups_of
from nbgen.training.pictures import BACKGROUNDS, World
from nbgen.training.shards import Shards
from nbgen.training.sheets import to_pixels

PLAIN, MIXED, BETWEEN = 0, 1, 2
"""A style of one z; coarse and middle layers of one and fine ones of another; a style on the way between two."""


EVERY = 4
"""Of adversarial steps, the one that has the penalties, so much the heavier (lazy regularisation, 1912.04958)."""


class GanLearner:
    """Trains generator and discriminator on precomputed latents. A `nbgen.training.loop.Learner`.

    warmup: steps in which there is only reconstruction; after them every other step is adversarial, too
    peak: learning rate of the generator
    adversarial: weight of the adversarial loss, against 10 for the mean absolute error of the latents
    blended: of these 10, the part that keeps a style between two others near the mixture of their latents
    gamma: weight of the penalty on the discriminator's gradient, at real (R1) and at made latents (R2)
    judge, sizes: widths of the discriminator; what `StyleGenerator` takes
    """

    name = "gan"

    def __init__(
        self,
        world: World,
        autoencoder: AutoencoderKL,
        device: torch.device,
        *,
        batch: int = 64,
        seed: int = 0,
        warmup: int = 0,
        peak: float = 4e-4,
        adversarial: float = 0.3,
        blended: float = 0.2,
        gamma: float = 0.5,
        latents: Tensor | None = None,
        judge: Sequence[int] = (32, 96, 128),
        **sizes: Any,
    ) -> None:
        torch.manual_seed(seed)
        self.world, self.autoencoder, self.device = world, autoencoder.eval(), device
        self.batch, self.seed, self.warmup = batch, seed, warmup
        self.adversarial, self.blended, self.gamma, self.peak = adversarial, blended, gamma, peak
        latents = encode_world(autoencoder, world) if latents is None else latents
        self.scaling_factor = round(1 / float(latents.std()), 5)
        self.latents = (latents * self.scaling_factor).to(device)
        self.groups = groups_of(world)
        number = {name: place for place, name in enumerate(world.names)}
        self.members = torch.zeros(len(world.names), len(world.names), dtype=torch.bool)
        for names in self.groups.values():
            places = [number[name] for name in names]
            self.members[np.ix_(places, places)] = True

        size = (len(world.names), len(BACKGROUNDS))
        self.generator = StyleGenerator(*size, **sizes).to(device)
        self.discriminator = Discriminator(*size, widths=judge).to(device)
        for network in (self.generator, self.discriminator):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.left = warm_start(self.generator, self.latents)
        self.average = Average({"generator": self.generator}, decay=0.998)
        self.shards = Shards.on(device)
        self.made = torch.optim.AdamW(self.generator.parameters(), lr=peak, betas=(0.5, 0.99), weight_decay=0)
        self.judged = torch.optim.AdamW(
            self.discriminator.parameters(), lr=1e-3, betas=(0.0, 0.99), weight_decay=0
        )
        self.history: list[list[float]] = []
        self.said: list[tuple[float, ...]] = []

    def autocast(self) -> torch.autocast:
        """bfloat16 on a GPU. These convolutions are so small that on a CPU it took a third longer (measured)."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def words(self, draw: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """What is asked for in one batch: bool (batch, objects + backgrounds), and a real object and background for it.

        Two in five name an object, two in five a group, one leaves it open; half name a background.
        """
        objects, backgrounds = len(self.world.names), len(BACKGROUNDS)
        thing = torch.from_numpy(draw.integers(objects, size=self.batch))
        ground = torch.from_numpy(draw.integers(backgrounds, size=self.batch))
        how = torch.from_numpy(draw.random(self.batch))[:, None]
        named = F.one_hot(thing, objects).bool()
        of_things = torch.where(
            how < 0.4, named, torch.where(how < 0.8, self.members[thing], torch.tensor(True))
        )
        free = torch.from_numpy(draw.random(self.batch) < 0.5)[:, None]
        of_grounds = F.one_hot(ground, backgrounds).bool() | free
        return torch.cat([of_things, of_grounds], dim=1), thing, ground

    def draw(self, number: int) -> tuple[Tensor, ...]:
        """Everything random of step `number`: the same for the same seed."""
        draw = np.random.default_rng([self.seed, number])
        random = torch.Generator().manual_seed(number)
        first, thing, ground = self.words(draw)
        second, thing_2, ground_2 = self.words(draw)
        chance = torch.from_numpy(draw.random(self.batch))
        mode = torch.where(chance < 0.5, PLAIN, torch.where(chance < 0.7, MIXED, BETWEEN))
        # A style between two objects should look like one of the two; a mixed one like the first's object on the
        # second's background.
        objects = len(self.world.names)
        either = first | second
        mixed = torch.cat([first[:, :objects], second[:, objects:]], dim=1)
        asked = torch.where(
            (mode == PLAIN)[:, None], first, torch.where((mode == MIXED)[:, None], mixed, either)
        )
        swap = (mode == BETWEEN) & (torch.rand(self.batch, generator=random) < 0.5)
        ground = torch.where((mode == MIXED) | swap, ground_2, ground)
        thing = torch.where(swap, thing_2, thing)
        latent = self.generator.config["latent"]
        z = torch.randn(2, self.batch, latent, generator=random)
        way = torch.rand(self.batch, generator=random)
        noise = torch.randn(2, self.batch, *self.latents.shape[2:], generator=random)
        real = self.latents[thing.to(self.device), ground.to(self.device)]
        return (z[0], z[1], first, second, mode, way, asked, real, noise[0], noise[1])

    def paint(
        self, z: Tensor, z_2: Tensor, first: Tensor, second: Tensor, mode: Tensor, way: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Made latents, the latents that they should be, and how surely, (n,)."""
        mapping = self.generator.mapping
        w, w_2 = mapping(z, first), mapping(z_2, second)
        between = torch.lerp(w, w_2, way[:, None])
        styles = everywhere(torch.where((mode == BETWEEN)[:, None], between, w)).clone()
        fine = RANGES["fine"]
        styles[:, fine.start :] = torch.where(
            (mode == MIXED)[:, None, None], w_2[:, None], styles[:, fine.start :]
        )
        with torch.no_grad():
            things, grounds = mapping.choices(z, first)
            things_2, grounds_2 = mapping.choices(z_2, second)
            grounds = torch.where((mode == MIXED)[:, None], grounds_2, grounds)
            (sure, thing), (sure_too, ground) = things.max(dim=1), grounds.max(dim=1)
            other = self.latents[things_2.argmax(dim=1), grounds_2.argmax(dim=1)]
            part = torch.where(mode == BETWEEN, way, 0.0)[:, None, None, None]
            wanted = torch.lerp(self.latents[thing, ground], other, part)
            # Where z lies near a border it asks for two things at once, and no drawing is right.
            surely = ((sure * sure_too) ** 2) * torch.where(mode == BETWEEN, self.blended, 1.0)
        # The mapping is float32: a softmax this sharp would not survive bfloat16.
        with self.autocast():
            made = self.generator.synthesis(styles)
        return made.float(), wanted, surely

    def loss_of_generator(
        self,
        z: Tensor, z_2: Tensor, first: Tensor, second: Tensor, mode: Tensor, way: Tensor,
        asked: Tensor, real: Tensor, *_: Tensor,
    ) -> Tensor:  # fmt: skip
        """10 × L1 of latents and of their differences, and the relativistic adversarial loss."""
        made, wanted, surely = self.paint(z, z_2, first, second, mode, way)
        error = (made - wanted).abs().mean(dim=(1, 2, 3))
        for axis in (2, 3):
            error = error + 0.5 * (made.diff(dim=axis) - wanted.diff(dim=axis)).abs().mean(dim=(1, 2, 3))
        loss = 10 * (error * surely).mean()
        if self.fooling:
            judge = self.discriminator
            with self.autocast():
                gap = judge(made, asked) - judge(real, asked).detach()
            loss = loss + self.adversarial * F.softplus(-gap).mean()
        self.said.append((float((error * surely).detach().mean() / surely.mean().clamp_min(1e-6)),))
        return loss

    def loss_of_discriminator(
        self,
        z: Tensor, z_2: Tensor, first: Tensor, second: Tensor, mode: Tensor, way: Tensor,
        asked: Tensor, real: Tensor, noise: Tensor, noise_2: Tensor,
    ) -> Tensor:  # fmt: skip
        """The relativistic loss, and R1 and R2 by finite differences along a random direction.

        No second derivative: the squared change under small noise is the squared gradient on average (Lin et al.,
        2501.08316, section 3.4).
        """
        judge, small = self.discriminator, 0.1
        with torch.no_grad():
            made = self.paint(z, z_2, first, second, mode, way)[0]
        with self.autocast():
            of_real, of_made = judge(real, asked), judge(made, asked)
            gap = of_real - of_made
            if not self.steep_too:
                return F.softplus(-gap).mean()
            nearby = judge(real + small * noise, asked), judge(made + small * noise_2, asked)
        steep = [
            (there - here).square().mean() / small**2
            for here, there in zip((of_real, of_made), nearby, strict=True)
        ]
        self.said.append((float(gap.detach().mean()), float(steep[0].detach()), float(steep[1].detach())))
        return F.softplus(-gap).mean() + self.gamma / 2 * EVERY * (steep[0] + steep[1])

    def step(self, number: int, rate: float) -> float:
        """One step of each network on one batch; the loss that is returned is the error of reconstruction."""
        self.fooling = number >= self.warmup and number % 2 == 0
        self.steep_too = number % (2 * EVERY) == 0
        batch = tuple(tensor.to(self.device) for tensor in self.draw(number))
        self.said.clear()
        if self.fooling:
            judging = list(self.discriminator.parameters())
            self.shards.descend(
                self.judged, 1e-3 * rate, self.loss_of_discriminator, batch, judging, clip=10.0
            )
        making = list(self.generator.parameters())
        self.shards.descend(self.made, self.peak * rate, self.loss_of_generator, batch, making, clip=5.0)
        self.average.update(number)
        error = float(np.mean([said[0] for said in self.said if len(said) == 1]))
        if number % (6 * EVERY) == 0:
            judged = [said for said in self.said if len(said) == 3] or [(0.0, 0.0, 0.0)]
            self.history.append([number, error, *np.mean(judged, axis=0)])
        return error

    def tensors(self) -> checkpoints.Tensors:
        """Weights of both networks, the generator's running average, moments and curves."""
        return {
            **checkpoints.prefixed("generator", self.generator.state_dict()),
            **checkpoints.prefixed("discriminator", self.discriminator.state_dict()),
            **checkpoints.prefixed("average", self.average.tensors),
            **checkpoints.prefixed("made", checkpoints.optimizer_tensors(self.made)),
            **checkpoints.prefixed("judged", checkpoints.optimizer_tensors(self.judged)),
            "history": torch.tensor(self.history, dtype=torch.float64).reshape(-1, 5),
        }

    def restore(self, tensors: checkpoints.Tensors) -> None:
        """Take up a checkpoint."""
        self.generator.load_state_dict(checkpoints.under("generator", tensors))
        self.discriminator.load_state_dict(checkpoints.under("discriminator", tensors))
        self.average.restore(checkpoints.under("average", tensors))
        checkpoints.restore_optimizer(self.made, checkpoints.under("made", tensors))
        checkpoints.restore_optimizer(self.judged, checkpoints.under("judged", tensors))
        self.history = tensors["history"].tolist()

    def facts(self) -> dict[str, Any]:
        """Sizes of the networks, the scale of the latents, names and groups."""
        return {
            "generator": self.generator.config,
            "discriminator": self.discriminator.config,
            "scaling_factor": self.scaling_factor,
            "objects": list(self.world.names),
            "groups": self.groups,
        }

    def sheet(self) -> Image.Image:
        """What the running average makes: named objects, groups, anything, mixed and halfway styles; the curves."""
        with self.average.swapped_in():
            rows = self.rows(24)
        return sheet_of(rows, curves(self.history, ("error", "real − made", "R1", "R2")))

    @torch.no_grad()
    def rows(self, columns: int) -> np.ndarray:
        """Pictures, uint8 (5 × columns, 64, 64, 3), from fixed seeds."""
        objects = len(self.world.names)
        random = torch.Generator().manual_seed(1)
        latent = self.generator.config["latent"]
        z = torch.randn(4, columns, latent, generator=random).to(self.device)
        everything = torch.ones(columns, objects + len(BACKGROUNDS), dtype=torch.bool)
        places = torch.linspace(0, objects - 1, columns).long()
        named, grouped = everything.clone(), everything.clone()
        named[:, :objects] = F.one_hot(places, objects).bool()
        grouped[:, :objects] = self.members[places]
        w = [
            self.generator.mapping(point, allowed.to(self.device))
            for point, allowed in zip(z, (named, grouped, everything, everything), strict=True)
        ]
        styles = [everywhere(one) for one in w[:3]]
        mixed = styles[2].clone()
        mixed[:, RANGES["fine"].start :] = w[3][:, None]
        styles += [mixed, everywhere((w[2] + w[3]) / 2)]
        made = self.generator.synthesis(torch.cat(styles)) / self.scaling_factor
        return to_pixels(torch.cat([self.autoencoder.decode(part).sample for part in made.split(32)]))
