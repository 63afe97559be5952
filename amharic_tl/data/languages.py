"""Languages of a tokenizer that marks them (NLLB, M2M100, mBART)."""

from __future__ import annotations

import difflib
from typing import Any

from amharic_tl.data.tokenizer import model_rows
from amharic_tl.errors import BadInputError, ConfigError

# What the two settings are called in a config.
LEAVES = ("config.data.source_language", "config.data.target_language")


def set_languages(
    tokenizer: Any, source: str | None, target: str | None, named: tuple[str, str] = LEAVES
) -> int | None:
    """Has the tokenizer mark both languages.

    Args:
      tokenizer: with or without languages.
      source: its name for the language that is read, such as ``eng_Latn``; None for none.
      target: its name for the one that is written.
      named: what the caller calls these two, for errors.

    Returns:
      The token of the target language; None for a tokenizer without languages.

    Raises:
      ConfigError: the tokenizer has languages and none is named, or the other way round.
      BadInputError: it has no such language.
    """
    marks = getattr(tokenizer, "src_lang", None) is not None
    both = " and ".join(named)
    if not marks:
        if source is not None or target is not None:
            raise ConfigError(f"{both}: the tokenizer marks no languages; leave both unset")
        return None
    if source is None or target is None:
        raise ConfigError(
            f"{both}: the tokenizer marks languages; set both to names of its own, such as eng_Latn and amh_Ethi "
            "(NLLB), en_XX and am_ET (mBART) or en and am (M2M100)"
        )
    _language_id(tokenizer, source, named[0])
    found = _language_id(tokenizer, target, named[1])
    tokenizer.src_lang, tokenizer.tgt_lang = source, target
    return found


def _language_id(tokenizer: Any, name: str, setting: str) -> int:
    # M2M100 writes a language as __en__.
    for form in (name, f"__{name}__"):
        token = tokenizer.convert_tokens_to_ids(form)
        if token is None or token == tokenizer.unk_token_id or token not in tokenizer.all_special_ids:
            continue
        if token >= model_rows(tokenizer):
            raise BadInputError(f"{setting}: the model's table has no row for {name!r} (token {token})")
        return int(token)
    known = [token.strip("_") for token in tokenizer.all_special_tokens]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"; near it are {', '.join(near)}" if near else ""
    raise BadInputError(f"{setting}: the tokenizer has no language {name!r}{hint}")
