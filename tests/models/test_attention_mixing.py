"""Mixing attention outputs: against an implementation with hooks, exact at the ends, and the pipeline left alone."""

from __future__ import annotations

import math

import diffusers
import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor
from PIL import Image

import nbgen
from nbgen.errors import RecipeError
from nbgen.models.attention_mixing import reading_each_part
from nbgen.recipe import Mix, Recipe
from nbgen.testing import tiny_flux, tiny_gan, tiny_sd, tiny_sd_pipeline, tiny_sdxl
from nbgen.verbs.stops import between
from tests.models.oracle import distance, latents

STEPS, GUIDANCE = 5, 15.0
"""Strong guidance: tiny random models hardly hear their words."""
MIX = Mix.of((0.3, "a cat"), (0.5, "two red dogs"), (0.2, ""))


@pytest.fixture(scope="module", params=[tiny_sd, tiny_sdxl], ids=["sd", "sdxl"])
def model(request):
    return request.param()


def resolved(model, prompt=MIX, **more):
    return model.resolve(**{"prompt": prompt, "seed": 5, "steps": STEPS, "mixing": "attention", **more})


class Reads:
    """A hook of one cross-attention layer: softmax(QKᵀ/√d)V for each text, written out, and the outputs mixed."""

    def __init__(self):
        self.texts = None

    def __call__(self, layer, arguments, keywords, answer):
        if self.texts is None:
            return answer
        queries = layer.to_q(arguments[0])
        total = 0
        for weight, text in self.texts:
            keys, values = layer.to_k(text), layer.to_v(text)
            q, k, v = (
                each.reshape(1, each.shape[1], layer.heads, -1).transpose(1, 2)
                for each in (queries, keys, values)
            )
            read = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1) @ v
            total = total + weight * read.transpose(1, 2).reshape(1, queries.shape[1], -1)
        return layer.to_out[0](total)


def reference(model, recipe):
    """The latent of one frame, one row at a time, with diffusers' own scheduler and hooks on the UNet's layers."""
    unet, found = model.denoiser, {words: model.encode(words) for words in MIX.values}
    pooled = {
        name: sum(weight * found[words][name] for weight, words in MIX.parts)[None]
        for name in found[""]
        if name != "words"
    }
    texts = [(weight, found[words]["words"][None]) for weight, words in MIX.parts]
    mixture = sum(weight * text for weight, text in texts)
    nothing = model.encode(None)
    hooks = Reads()
    handles = [
        layer.register_forward_hook(hooks, with_kwargs=True)
        for name, layer in unet.named_modules()
        if name.endswith("attn2")
    ]
    size = torch.tensor([[32.0, 32, 0, 0, 32, 32]])

    def predicted(x, timestep, text, pooled):
        added = {"text_embeds": pooled["pooled"], "time_ids": size} if pooled else None
        return unet(x, timestep, encoder_hidden_states=text, added_cond_kwargs=added).sample

    scheduler = diffusers.DDIMScheduler.from_config(model._pipe.scheduler.config)
    scheduler.set_timesteps(STEPS)
    x = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(recipe.seed))
    try:
        with torch.no_grad():
            for number, timestep in enumerate(scheduler.timesteps):
                hooks.texts = texts if number < STEPS / 2 else None
                wanted = predicted(x, timestep, mixture, pooled)
                hooks.texts = None
                unwanted = predicted(x, timestep, nothing["words"][None], {
                    name: tensor[None] for name, tensor in nothing.items() if name != "words"
                })  # fmt: skip
                guided = unwanted + GUIDANCE * (wanted - unwanted)
                x = scheduler.step(guided, timestep, x).prev_sample
    finally:
        for handle in handles:
            handle.remove()
    return x


def test_a_frame_is_what_hooks_on_the_layers_make(model):
    recipe = resolved(model, guidance=GUIDANCE)
    mixed, plain = latents(model, [recipe, recipe.replace(mixing=None)])
    assert distance(mixed, reference(model, recipe)) <= 1e-4
    assert distance(mixed, plain) > 1e-3  # and is not what embeddings make


def test_rows_share_a_forward_and_do_not_know_one_another(model):
    recipes = [
        resolved(model, guidance=guidance, negative=negative, prompt=prompt)
        for guidance, negative, prompt in (
            (3.0, None, MIX), (1.0, None, "a cat"), (2.0, Mix.of((0.5, "x"), (0.5, "y")), "a dog"),
            (1.0, None, Mix.of((0.5, "a cat"), (0.5, "a dog"))),
        )
    ]  # fmt: skip
    together = latents(model, recipes)
    for recipe, made in zip(recipes, together, strict=True):
        assert distance(made, latents(model, [recipe])[0]) <= 1e-4


@pytest.mark.parametrize("part", [0.0, 1.0, 1e-9])
def test_at_the_ends_it_is_what_generate_makes(model, part):
    ends = [model.resolve(prompt=words, seed=5, steps=STEPS) for words in ("a cat", "two red dogs")]
    found = model.check(between(*ends, part, "attention"))
    nearest = ends[round(part)]
    assert (found == nearest) is (part in (0.0, 1.0))
    assert distance(latents(model, [found])[0], latents(model, [nearest])[0]) <= 1e-4


def test_only_mixtures_are_mixed_and_keep_it_in_the_key(model):
    assert resolved(model, "a cat").mixing is None
    assert resolved(model, "a cat", negative=Mix.of((0.5, "x"), (0.5, "y")), guidance=1).mixing is None
    assert resolved(model, "a cat", negative=Mix.of((0.5, "x"), (0.5, "y")), guidance=2).mixing == "attention"
    assert resolved(model, "a cat").key == resolved(model, "a cat", mixing=None).key
    assert resolved(model, mixing="embedding").key == resolved(model, mixing=None).key != resolved(model).key
    assert Recipe.from_json(resolved(model).to_json()) == resolved(model)


def test_processors_are_there_only_while_a_mixture_is_read(monkeypatch):
    pipe = tiny_sd_pipeline()
    mine = AttnProcessor()
    pipe.unet.set_attn_processor(mine)
    model, during = nbgen.load(pipe), []
    forward = pipe.unet.forward

    def watched(*arguments, **more):
        during.append(all(each is mine for each in pipe.unet.attn_processors.values()))
        return forward(*arguments, **more)

    monkeypatch.setattr(pipe.unet, "forward", watched)
    latents(model, [model.resolve(prompt=MIX, seed=1, steps=4, guidance=1, mixing="attention")])
    assert during == [False, False, True, True]
    assert all(each is mine for each in pipe.unet.attn_processors.values())

    def failing(*arguments, **more):
        raise RuntimeError("a forward that fails")

    monkeypatch.setattr(pipe.unet, "forward", failing)
    condition = model.condition(model.resolve(prompt=MIX, seed=1, steps=4, mixing="attention"))[0]
    with pytest.raises(RuntimeError, match="that fails"):
        model.forward(None, torch.zeros(1, 4, 8, 8), torch.ones(1), [condition])
    assert all(each is mine for each in pipe.unet.attn_processors.values())


def test_pictures_of_an_adapter_stay_with_their_rows():
    """An IP-Adapter's layers are handed (words, [pictures]); a processor that tells what it was handed."""
    model = tiny_sd()
    seen = []

    class Telling:
        def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, **more):
            if encoder_hidden_states is not None:
                seen.append((encoder_hidden_states, attention_mask))
            return torch.zeros_like(hidden_states)

    conditions = [model.condition(resolved(model, words))[0] for words in ("a cat", MIX)]
    model.denoiser.set_attn_processor(Telling())
    pictures = torch.arange(2.0).view(2, 1, 1)
    with reading_each_part(model.denoiser, conditions, torch.float32):
        layer = model.denoiser.mid_block.attentions[0].transformer_blocks[0].attn2
        layer(torch.ones(2, 4, 16), encoder_hidden_states=(torch.zeros(2, 3, 16), [pictures]))
    assert [len(words) for (words, _), _ in seen] == [2, 1, 1]
    assert [each.flatten().tolist() for (_, (each,)), _ in seen] == [[0, 1], [1], [1]]


def test_walks_are_mixed_by_attention_between_their_stops(model):
    walk = nbgen.interpolate(
        ["a", "b c"], frames=4, method="attention", model=model, seed=1, steps=2, store=False
    )
    assert [picture.recipe.mixing for picture in walk] == [None, "attention", "attention", None]
    on = nbgen.interpolate([walk[1], "d"], frames=3, method="attention", steps=2, store=False)
    assert on[0].recipe == walk[1].recipe and on[1].recipe.mixing == "attention"
    grid = nbgen.interpolate_grid(
        ["a", "b", "c", "d"], 3, 3, method="attention", model=model, seed=1, steps=2, store=False
    )
    assert [picture.recipe.mixing is None for picture in grid] == [
        place in (0, 2, 6, 8) for place in range(9)
    ]


def test_what_cannot_be_mixed_so_is_said():
    model = tiny_sd()
    with pytest.raises(RecipeError, match="cross-attention"):
        nbgen.interpolate([1, 2], method="attention", model=tiny_gan())
    with pytest.raises(RecipeError, match="cross-attention"):
        nbgen.interpolate(["a", "b"], method="attention", model=tiny_flux())
    with pytest.raises(RecipeError, match="no field 'mixing'"):
        tiny_flux().resolve(prompt="a", mixing="attention")
    with pytest.raises(RecipeError, match="method=, not by mixing="):
        nbgen.interpolate(["a", "b"], mixing="attention", model=model)
    with pytest.raises(RecipeError, match='mixing must be "embedding"'):
        model.resolve(prompt="a", mixing="attentive")
    frame = model.resolve(prompt=Mix.of((0.5, "a"), (0.5, "b")), seed=1, steps=2)
    with pytest.raises(RecipeError, match="stop 1 is a mixture of prompts, mixed by embedding"):
        nbgen.interpolate([frame, "c"], method="attention", model=model)
    with pytest.raises(RecipeError, match="give method='attention'"):
        nbgen.interpolate(["c", frame.replace(mixing="attention")], model=model)
    with pytest.raises(RecipeError, match="nbgen's alone"):
        resolved(model).code("diffusers")


def test_files_and_code_say_it(tmp_path):
    model = tiny_sd()
    picture = nbgen.generate(MIX, seed=5, steps=2, mixing="attention", model=model, store=False)[0]
    path = picture.save(tmp_path / "frame.png")
    assert nbgen.read(path).recipe == picture.recipe
    with Image.open(path) as file:
        assert "Mixing: attention" in file.info["parameters"]
    assert "mixing='attention'" in picture.recipe.code()
