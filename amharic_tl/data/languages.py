"""Languages of a tokenizer that marks them (NLLB, M2M100, mBART)."""

from __future__ import annotations

import difflib
from typing import Any

from amharic_tl.data.tokenizer import model_rows
from amharic_tl.errors import BadInputError, ConfigError


def set_languages(tokenizer: Any, source: str | None, target: str | None) -> int | None:
    """Has the tokenizer mark both languages.

    Args:
      tokenizer: with or without languages.
      source: its name for the language that is read, such as ``eng_Latn``; None for none.
      target: its name for the one that is written.

    Returns:
      The token of the target language; None for a tokenizer without languages.

    Raises:
      ConfigError: the tokenizer has languages and none is named, or the other way round.
      BadInputError: it has no such language.
    """
    marks = getattr(tokenizer, "src_lang", None) is not None
    if not marks:
        if source is not None or target is not None:
            raise ConfigError(
                "config.data.source_language and target_language: the tokenizer marks no languages; leave both unset"
            )
        return None
    if source is None or target is None:
        raise ConfigError(
            "config.data.source_language and target_language: the tokenizer marks languages; set both to names of its "
            "own, such as eng_Latn and amh_Ethi (NLLB), en_XX and am_ET (mBART) or en and am (M2M100)"
        )
    _language_id(tokenizer, source, "source_language")
    found = _language_id(tokenizer, target, "target_language")
    tokenizer.src_lang, tokenizer.tgt_lang = source, target
    return found


def _language_id(tokenizer: Any, name: str, leaf: str) -> int:
    # M2M100 writes a language as __en__.
    for form in (name, f"__{name}__"):
        token = tokenizer.convert_tokens_to_ids(form)
        if token is None or token == tokenizer.unk_token_id or token not in tokenizer.all_special_ids:
            continue
        if token >= model_rows(tokenizer):
            raise BadInputError(f"config.data.{leaf}: the model's table has no row for {name!r} (token {token})")
        return int(token)
    known = [token.strip("_") for token in tokenizer.all_special_tokens]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"; near it are {', '.join(near)}" if near else ""
    raise BadInputError(f"config.data.{leaf}: the tokenizer has no language {name!r}{hint}")
