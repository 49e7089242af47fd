"""Textual inversion: the encodings of diffusers' own pipeline with the same tensors, and what is refused."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

import nbgen
from nbgen.errors import DamagedFileError, MissingFileError, ModelError, UnsafeModelError
from nbgen.testing import tiny_flux_pipeline, tiny_sd_pipeline, tiny_sdxl_pipeline

from .oracle import distance, latent

# Remarks of the oracle itself, not of nbgen.
pytestmark = pytest.mark.filterwarnings("ignore:Should have t", "ignore::FutureWarning:diffusers")
PROMPT = "a <toy> cat"


def vectors(count: int, width: int = 16, seed: int = 5) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def drawn(pipe, prompt: str) -> torch.Tensor:
    return pipe(
        prompt, num_inference_steps=4, guidance_scale=1.0, output_type="latent",
        generator=torch.Generator().manual_seed(11),
    ).images  # fmt: skip


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("key", ["<toy>", "emb_params"])
def test_the_same_tensor_gives_the_same_picture_as_diffusers(tmp_path, count: int, key: str) -> None:
    save_file({key: vectors(count)}, tmp_path / "toy.safetensors")
    own, stock = tiny_sd_pipeline(), tiny_sd_pipeline()
    model = nbgen.load(own, embeddings={"<toy>": tmp_path / "toy.safetensors"})
    stock.load_textual_inversion({"<toy>": vectors(count)}, token="<toy>")
    made = latent(model, prompt=PROMPT, guidance=1.0, sampler="ddim")
    assert distance(made, drawn(stock, PROMPT)) <= 1e-4
    assert distance(made, drawn(tiny_sd_pipeline(), PROMPT)) > 1e-3
    assert len(own.tokenizer) == len(tiny_sd_pipeline().tokenizer), "the pipeline was changed"
    assert own.text_encoder.get_input_embeddings().weight.shape[0] == len(own.tokenizer)
    weighted = latent(model, prompt="a (<toy>:1.0) cat", words="weighted", guidance=1.0, sampler="ddim")
    assert distance(weighted, made) <= 1e-5


def test_sdxl_has_one_for_each_encoder(tmp_path) -> None:
    file, one, two = tmp_path / "toy.safetensors", vectors(2), vectors(2, seed=6)
    save_file({"clip_l": one, "clip_g": two}, file)
    model = nbgen.load(tiny_sdxl_pipeline(), embeddings={"<toy>": file})
    stock = tiny_sdxl_pipeline()
    stock.load_textual_inversion({"<toy>": one}, token="<toy>")
    stock.load_textual_inversion(
        {"<toy>": two}, token="<toy>", text_encoder=stock.text_encoder_2, tokenizer=stock.tokenizer_2
    )
    made = latent(model, prompt=PROMPT, guidance=1.0, sampler="ddim")
    assert distance(made, drawn(stock, PROMPT)) <= 1e-4


def test_a_recipe_knows_which_embedding_it_is_for(tmp_path) -> None:
    refs = set()
    for name, seed in (("<toy>", 1), ("<toy>", 2), ("<other>", 1)):
        save_file({name: vectors(1, seed=seed)}, tmp_path / "a.safetensors")
        refs.add(
            nbgen.load(tiny_sd_pipeline(), embeddings={name: tmp_path / "a.safetensors"}).ref.fingerprint
        )
    refs.add(nbgen.load(tiny_sd_pipeline()).ref.fingerprint)
    assert len(refs) == 4


def test_a_folder_takes_them_too(tmp_path) -> None:
    tiny_sd_pipeline().save_pretrained(tmp_path / "model")
    save_file({"<toy>": vectors(2)}, tmp_path / "toy.safetensors")
    model = nbgen.load(tmp_path / "model", device="cpu", embeddings={"<toy>": tmp_path / "toy.safetensors"})
    plain = nbgen.load(tmp_path / "model", device="cpu")
    assert model.ref.fingerprint != plain.ref.fingerprint
    stock = tiny_sd_pipeline()
    stock.load_textual_inversion({"<toy>": vectors(2)}, token="<toy>")
    made = latent(model, prompt=PROMPT, guidance=1.0, sampler="ddim")
    assert distance(made, drawn(stock, PROMPT)) <= 1e-4


def test_what_is_refused(tmp_path) -> None:
    pipe, good, wide = tiny_sd_pipeline(), tmp_path / "good.safetensors", tmp_path / "wide.safetensors"
    save_file({"x": vectors(1)}, good)
    save_file({"x": vectors(1, 24)}, wide)
    (tmp_path / "broken.safetensors").write_bytes(good.read_bytes()[:-4])
    for embeddings, kind, said in [
        ("toy.safetensors", ModelError, "takes words and files"),
        ({"two words": good}, ModelError, "one word"),
        ({"<toy>": 3}, ModelError, "must be a file"),
        ({"<toy>": tmp_path / "none.safetensors"}, MissingFileError, "no file"),
        ({"<toy>": tmp_path / "toy.pt"}, UnsafeModelError, "pickle"),
        ({"<toy>": tmp_path / "broken.safetensors"}, DamagedFileError, "truncated"),
        ({"<toy>": wide}, ModelError, "has 24 numbers"),
        ({"a</w>": good}, ModelError, "knows the word"),
    ]:
        with pytest.raises(kind, match=said):
            nbgen.load(pipe, embeddings=embeddings)
    with pytest.raises(ModelError, match="another family"):
        nbgen.load(tiny_sdxl_pipeline(), embeddings={"<toy>": good})
    with pytest.raises(ModelError, match="embeddings= is for Stable Diffusion and SDXL"):
        nbgen.load(tiny_flux_pipeline(), embeddings={"<toy>": good})
