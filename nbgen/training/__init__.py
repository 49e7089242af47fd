"""How mini was made, from a font to a model; the same code trains in lessons.

In reading order: `pictures` (the world), `captions` and `tokenizer` (what is said about it), `autoencoder` and
`denoiser` (the two things that learn), `shards`, `averaging`, `loop` and `checkpoints` (what every training
needs), `export` and `card` (what is handed on), `evaluate` (whether it is any good), `sheets` (looking at it).
"""
