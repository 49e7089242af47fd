"""What may the page ask of the GAN game? One function, so that a test can press every button."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import brief, did_you_mean
from .gan_match import Match
from .gan_presets import PRESETS
from .gan_settings import NAMES, GanError, Settings, with_changes

if TYPE_CHECKING:
    from .gan_game import GanLab


def do(lab: GanLab, name: str, message: Mapping[str, Any]) -> None:
    """Carry out a request. Raises NbgenError where it cannot be; the state is then as it was."""
    if name == "set":
        lab.set(**{key: message[key] for key in NAMES if key in message})
    elif name == "play":
        if message.get("on", True):
            lab.play(bool(message.get("slow")))
        else:
            lab.pause()
    elif name == "step":
        lab.playing = False
        lab.step(1, str(message.get("move", "both")))
    elif name == "rewind":
        lab.playing = False
        lab.rewind(int(message["step"]))
    elif name == "restart":
        lab.playing = False
        lab.restart()
    elif name == "preset":
        use_preset(lab, str(message.get("preset")))
    elif name == "beside":
        lab.playing = False
        lab.beside(int(message.get("since", 0)), **dict(message.get("difference") or {}))
    elif name == "show":
        lab.show(**{key: message[key] for key in lab.shown if key in message})
    elif name == "code":
        lab.copied_code = lab.copy_code(int(message.get("which", 0)))
    else:
        raise GanError(f"the GAN game does not know the request {brief(name)}.")


def use_preset(lab: GanLab, name: str) -> None:
    """Begin a preset's game, from the seed and in the precision that the laboratory has."""
    if name not in PRESETS:
        raise GanError(f"there is no preset {brief(name)}: {did_you_mean(name, PRESETS)}")
    preset, now = PRESETS[name], lab.match.settings
    lab.playing = False
    settings = with_changes(Settings(), {**preset.settings, "seed": now.seed, "dtype": now.dtype})
    lab.begin(Match(settings, preset.difference, preset.since), name)
