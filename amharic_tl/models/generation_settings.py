"""How text is generated: the settings a caller gives, checked, and completed by what the model's own files say."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.models.sampling import Controls, Strategy


@dataclass(frozen=True)
class GenerationSettings:
    """How text is generated. None is off, or for token ids what the model's own files say.

    Attributes:
      max_new_tokens: the most tokens generated for a row.
      do_sample: whether tokens are drawn; None: if ``temperature``, ``top_k`` or ``top_p`` is given.
      temperature: divides the logits before they are drawn from.
      top_k: how many of the likeliest tokens are drawn from.
      top_p: the likeliest tokens that together have this probability are drawn from.
      repetition_penalty: above 1, makes tokens that the row (prompt and continuation) holds already less likely.
      num_beams: more than 1 is beam search: the most probable of the texts it met.
      length_penalty: the power of its length that the log-probability of a beam is divided by.
      early_stopping: of beam search. False: once the best running beam, at its present length, is worse than all
        ``num_beams`` that have ended; True: as soon as ``num_beams`` have ended; ``"never"``: once no running beam can
        become better at any length.
      eos_token_id: one or more tokens that end a row; an empty list for none.
      pad_token_id: fills a row that has ended; where the model has none either, the first end token.
      decoder_start_token_id: what the decoder of an encoder-decoder begins with.
      forced_bos_token_id: the first generated token (the target language of NLLB and mBART).
      forced_eos_token_id: one or more tokens, of which the last is one in a row that has not ended before (mBART).
      seed: of drawn tokens.
    """

    max_new_tokens: int = 20
    do_sample: bool | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    num_beams: int = 1
    length_penalty: float = 1.0
    early_stopping: bool | str = False
    eos_token_id: int | Sequence[int] | None = None
    pad_token_id: int | None = None
    decoder_start_token_id: int | None = None
    forced_bos_token_id: int | None = None
    forced_eos_token_id: int | Sequence[int] | None = None
    seed: int = 0

    @staticmethod
    def checked(settings: Mapping[str, Any]) -> GenerationSettings:
        """The settings of these names.

        Raises:
          ConfigError: an unknown name, a wrong value, or two that contradict each other.
        """
        names = [field.name for field in dataclasses.fields(GenerationSettings)]
        for name in settings:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"the settings are {', '.join(names)}"
                raise ConfigError(f"generation has no setting {name!r}; {hint}")
        made = GenerationSettings(**settings)
        for name, wanted, holds in (
            ("max_new_tokens", "a whole number of at least 1", _whole(made.max_new_tokens, 1)),
            ("num_beams", "a whole number of at least 1", _whole(made.num_beams, 1)),
            ("top_k", "a whole number of at least 1", made.top_k is None or _whole(made.top_k, 1)),
            ("top_p", "a number above 0 and at most 1", made.top_p is None or _above_zero(made.top_p, 1.0)),
            ("temperature", "a number above 0", made.temperature is None or _above_zero(made.temperature)),
            (
                "repetition_penalty",
                "a number above 0",
                made.repetition_penalty is None or _above_zero(made.repetition_penalty),
            ),
            ("length_penalty", "a number", isinstance(made.length_penalty, int | float)),
            ("seed", "a whole number from 0 to 2**32 - 1", _whole(made.seed, 0) and made.seed < 2**32),
            ("early_stopping", "True, False or 'never'", made.early_stopping in (True, False, "never")),
        ):
            if not holds:
                raise ConfigError(f"{name}: expected {wanted}, found {getattr(made, name)!r}")
        _refuse_contradictions(made)
        return made

    @property
    def strategy(self) -> Strategy:
        """What of the settings is compiled in."""
        return Strategy(
            new_tokens=self.max_new_tokens,
            beams=self.num_beams,
            sample=_draws(self),
            top_k=self.top_k,
            early_stopping=self.early_stopping,
        )

    def controls(self, model: Any, vocabulary: int, has_encoder: bool) -> Controls:
        """What may change without compiling again, with the model's own tokens where none are given.

        Raises:
          BadInputError: a token is none of the model's.
        """
        end = self.end_tokens(model, vocabulary)
        pad = _tokens("pad_token_id", _or_models(self.pad_token_id, model, "pad_token_id"), vocabulary)
        # A decoder by itself goes on from its prompt: only an encoder-decoder has a first token by its files.
        first, last = self.forced_bos_token_id, self.forced_eos_token_id
        if has_encoder:
            first = _or_models(first, model, "forced_bos_token_id")
        first_F = _tokens("forced_bos_token_id", first, vocabulary)
        last_F = _tokens("forced_eos_token_id", _or_models(last, model, "forced_eos_token_id"), vocabulary)

        def number(value: float | None) -> Any:
            return None if value is None else np.float32(value)

        return Controls(
            pad=np.int32(pad[0] if pad else end[0] if end else 0),
            end_E=np.asarray(end, np.int32) if end else None,
            forced_first=np.int32(first_F[0]) if first_F else None,
            forced_last_F=np.asarray(last_F, np.int32) if last_F else None,
            temperature=number(self.temperature),
            top_p=number(self.top_p),
            repetition_penalty=number(self.repetition_penalty),
            length_penalty=number(self.length_penalty) if self.num_beams > 1 else None,
        )

    def end_tokens(self, model: Any, vocabulary: int) -> list[int]:
        """The tokens that end a row.

        Raises:
          BadInputError: one is none of the model's.
        """
        return _tokens("eos_token_id", _or_models(self.eos_token_id, model, "eos_token_id"), vocabulary)

    def first_token(self, model: Any, vocabulary: int) -> int:
        """What the decoder of an encoder-decoder begins with.

        Raises:
          BadInputError: nothing says what, or it is none of the model's tokens.
        """
        start = _or_models(self.decoder_start_token_id, model, "decoder_start_token_id")
        start = _or_models(start, model, "bos_token_id")
        if start is None:
            raise BadInputError(
                "the model's files name no decoder_start_token_id and no bos_token_id; give decoder_start_token_id"
            )
        return _tokens("decoder_start_token_id", start, vocabulary)[0]


def _refuse_contradictions(made: GenerationSettings) -> None:
    drawn = [name for name in ("temperature", "top_k", "top_p") if getattr(made, name) is not None]
    if made.do_sample is False and drawn:
        raise ConfigError(f"do_sample=False contradicts {', '.join(drawn)}, which only change how tokens are drawn")
    if made.num_beams > 1 and _draws(made):
        raise ConfigError("num_beams above 1 cannot be combined with drawn tokens; give one of them")
    if made.num_beams == 1 and (made.length_penalty != 1.0 or made.early_stopping is not False):
        raise ConfigError("length_penalty and early_stopping belong to beam search; give num_beams above 1 with them")


def _draws(made: GenerationSettings) -> bool:
    if made.do_sample is not None:
        return made.do_sample
    return any(value is not None for value in (made.temperature, made.top_k, made.top_p))


def _whole(value: Any, minimum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= minimum


def _above_zero(value: Any, maximum: float = float("inf")) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= maximum


def _or_models(given: Any, model: Any, key: str) -> Any:
    """The value given, or generation_config.json's; without such a file, config.json's."""
    return given if given is not None else (model.generation_config or model.hf_config).get(key)


def _tokens(key: str, value: Any, vocabulary: int) -> list[int]:
    """One token or several, as a list."""
    found = [] if value is None else list(value) if isinstance(value, Sequence) else [value]
    for token in found:
        if isinstance(token, bool) or not hasattr(token, "__index__") or not 0 <= int(token) < vocabulary:
            raise BadInputError(f"{key}: expected ids from 0 to {vocabulary - 1}, found {value!r}")
    return [int(token) for token in found]
