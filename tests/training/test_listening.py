"""Attention that is told where to look, looks there."""

import torch

from nbgen.training.listening import listen
from nbgen.training.tokenizer import tokenize
from nbgen.training.words import CELLS, Readers


def looked_at(pipeline, run) -> dict[str, float]:
    """How much of each attention's first head goes to the token of each place's own part, on average."""
    shares = {}

    def keep(name):
        def hook(module, given, named, made):
            features, tokens = given[0], named["encoder_hidden_states"]
            side = round(features.shape[1] ** 0.5)
            width = module.to_q.out_features // module.heads
            scores = module.to_q(features)[..., :width] @ module.to_k(tokens)[..., :width].mT / width**0.5
            part = torch.arange(side) * CELLS // side
            own = tokens.shape[1] - CELLS**2 + (part[:, None] * CELLS + part).flatten()
            found = scores.softmax(dim=-1).gather(-1, own.view(1, -1, 1).expand(len(features), -1, 1))
            shares[name] = float(found.mean())

        return hook

    hooks = [
        module.register_forward_hook(keep(name), with_kwargs=True)
        for name, module in pipeline.unet.named_modules()
        if name.endswith("attn2")
    ]
    run()
    for hook in hooks:
        hook.remove()
    return shares


@torch.no_grad()
def test_two_heads_find_the_token_of_their_own_part(pipeline):
    draw = torch.Generator().manual_seed(0)
    captions = ["a rocket", "a rocket on blue", "", "two rockets on the left"] * 16
    words = pipeline.text_encoder(tokenize(pipeline.tokenizer, captions)).last_hidden_state
    noisy = torch.randn((len(captions), 4, 16, 16), generator=draw)
    timesteps = torch.randint(1000, (len(captions),), generator=draw)

    def run():
        pipeline.unet(noisy, timesteps, words)
        return words

    before = looked_at(pipeline, run)
    told = listen(pipeline.unet, run, Readers(), known=0.4)  # it has learned nothing yet
    after = looked_at(pipeline, run)
    assert told.keys() == after.keys() and max(told.values()) >= 0.4
    for name, share in told.items():
        if share >= 0.4:
            assert after[name] > 3 * before[name]
        else:
            assert after[name] < 2 * before[name]
