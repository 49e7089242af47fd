import json

import numpy as np
import pytest
import torch
from transformers import CLIPTextModel

from nbgen.models.catalogue import embedded_folder
from nbgen.training.composition import Composer
from nbgen.training.denoiser import UNET_CONFIG
from nbgen.training.plurals import TiedPlurals, tie
from nbgen.training.supply import AT_FIRST, IN_THE_END, Supply, shares_at
from nbgen.training.tokenizer import make_tokenizer, tokenize
from nbgen.training.warm import take_over
from nbgen.training.wordings import Speaker
from nbgen.training.words import text_config


def make_supply(world, **given):
    def encode(pictures):  # as wide as an autoencoder's latents, and quick
        return torch.nn.functional.avg_pool2d(pictures, 4)[:, [0, 1, 2, 0]]

    settings = {"batch": 6, "seed": 5, "capacity": 40, "start": 20, "fresh": 4, **given}
    return Supply(Composer(world), Speaker(world.names), encode, **settings)


def test_the_same_step_sees_the_same_whenever_it_is_taken(world):
    one, other = make_supply(world), make_supply(world)
    for step in range(9):
        latents, captions = one.draw(step)
    again, words = other.draw(8)  # skipping the steps before: they are encoded when they are needed
    assert torch.equal(latents, again) and captions == words
    assert one.draw(9)[1] != captions


def test_a_supply_goes_on_from_what_was_kept(world):
    one, other = make_supply(world), make_supply(world)
    one.draw(12)
    other.restore(one.tensors())
    other.encode = None  # nothing is encoded twice
    latents, captions = one.draw(12)
    again, words = other.draw(12)
    assert torch.equal(latents, again) and captions == words
    smaller = make_supply(world, capacity=30)
    smaller.restore(one.tensors())  # held fewer: it draws its own again
    assert smaller.end == 0


def test_scenes_drawn_by_other_rules_are_encoded_again(world, monkeypatch):
    kept = make_supply(world)
    kept.draw(12)
    tensors = kept.tensors()
    for changed in ({"size": 1.0}, {"style": 1.0}):
        monkeypatch.setattr("nbgen.training.supply.IN_THE_END", dict.fromkeys(IN_THE_END, 0.0) | changed)
        other = make_supply(world)
        other.restore(tensors)
        assert other.end == 0
    monkeypatch.undo()
    monkeypatch.setattr("nbgen.training.scenes.MOVED", 0.4)
    moved = make_supply(world)
    moved.restore(tensors)
    assert moved.end == 0
    monkeypatch.undo()
    del tensors["row"]  # a checkpoint of before
    older = make_supply(world)
    older.restore(tensors)
    assert older.end == 0


def test_single_objects_come_first_and_shares_are_shares():
    for shares in (AT_FIRST, IN_THE_END, shares_at(5_000)):
        assert sum(shares.values()) == pytest.approx(1)
    first, last = shares_at(0), shares_at(10**9)
    assert first["plain"] == AT_FIRST["plain"] > last["plain"] == IN_THE_END["plain"]


def test_only_the_newest_scenes_are_held(world):
    supply = make_supply(world)
    supply.draw(30)
    assert supply.end == 20 + 30 * 4
    assert sorted(supply.scenes) == list(range(100, 140))


def test_what_a_caption_leaves_unsaid_is_as_expected(world):
    supply = make_supply(world, expected=True)
    supply.draw(4)
    for number in supply.scenes:
        scene, picture = supply.scene(number)
        assert np.array_equal(picture, supply.composer.drawn(scene, None))


def test_a_tied_plural_learns_with_its_singular(world):
    tokenizer = make_tokenizer({"cat": 3, "cats": 1, "dog": 2})
    model = CLIPTextModel(text_config(len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id))
    tie(model, tokenizer, {"cats": "cat", "mice": "mouse"})
    table = model.embeddings.token_embedding
    assert isinstance(table, TiedPlurals)
    one, many = (tokenizer.get_vocab()[word] for word in ("cat</w>", "cats</w>"))
    with torch.no_grad():
        table.several.fill_(0.5)
    torch.testing.assert_close(table.table()[many], table.weight[one] + 0.5)
    model(tokenize(tokenizer, ["cats"])).last_hidden_state.square().sum().backward()
    assert table.weight.grad[one].abs().sum() > 0
    ordinary = CLIPTextModel(model.config)
    tensors = {name: tensor for name, tensor in model.state_dict().items() if "several" not in name}
    tensors["embeddings.token_embedding.weight"] = table.table()
    ordinary.load_state_dict(tensors)
    tokens = tokenize(tokenizer, ["cats", "a dog and cat"])
    torch.testing.assert_close(model(tokens).last_hidden_state, ordinary(tokens).last_hidden_state)


def test_weights_that_fit_are_taken_over_and_the_others_named():
    from diffusers import UNet2DConditionModel

    wider = {**UNET_CONFIG, "cross_attention_dim": UNET_CONFIG["cross_attention_dim"] + 8}
    unet = UNet2DConditionModel(**wider)
    kept = take_over(embedded_folder("mini"), unet)
    assert kept and all(name.endswith(("attn2.to_k.weight", "attn2.to_v.weight")) for name in kept)
    theirs = UNet2DConditionModel.from_pretrained(embedded_folder("mini"), subfolder="unet").state_dict()
    ours = unet.state_dict()
    assert all(torch.equal(tensor, ours[name]) for name, tensor in theirs.items() if name not in kept)


def test_latents_are_scaled_to_one(world):
    supply = make_supply(world)
    latents = np.stack([supply.scene(number)[1] for number in range(64)])
    assert supply.deviation(64) == pytest.approx(float((latents / 127.5 - 1).std()), rel=0.2)
    assert json.dumps(supply.deviation(8))
