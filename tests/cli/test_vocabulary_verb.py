"""``amharic-tl vocabulary`` as a user types it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from amharic_tl.cli.arguments import UsageError, parse
from amharic_tl.cli.main import main
from amharic_tl.cli.vocabulary import FLAGS, OPTIONS, SEVERAL, WORDS, settings_of


def _settings(*words: str) -> dict:
    return settings_of(parse(words, OPTIONS, FLAGS, WORDS, SEVERAL))


def test_options_become_what_is_asked_for() -> None:
    found = _settings("extend", "base", "--text", "a.txt", "b.txt", "--heldout", "c.txt", "--size=1_000", "--seed=3")
    assert (found["text"], found["heldout"], found["size"], found["seed"]) == (("a.txt", "b.txt"), ("c.txt",), 1000, 3)
    assert _settings("replace", "base", "--text", "a.txt")["size"] == 32_000


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("grow", "base"), "'grow'"),
        (("extend",), "model is missing"),
        (("extend", "base", "text.txt"), "--text FILE"),
        (("trim", "base", "--text", "a", "--initialise=mean"), "means nothing for trim"),
        (("audit", "base", "--text", "a", "--without-pretraining"), "means nothing for audit"),
        (("extend", "base", "--text", "a", "--size=many"), "whole number"),
    ],
)
def test_what_is_not_understood_is_refused(words: tuple[str, ...], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        _settings(*words)


def test_the_bundled_base_on_real_news(data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    news = tmp_path / "news.jsonl"
    with gzip.open(data_dir / "enh-news" / "dev.jsonl.gz", "rt", encoding="utf-8") as file:
        news.write_text("".join(line for _, line in zip(range(40), file, strict=False)), encoding="utf-8")
    made = tmp_path / "made"
    words = ["vocabulary", "extend", "amharic-tiny", "--text", str(news), "--size=300", f"--output={made}"]
    assert main(words) == 0
    said = capsys.readouterr().out
    record = json.loads((made / "vocabulary.json").read_text(encoding="utf-8"))
    before, after = record["before"]["ethiopic"], record["after"]["ethiopic"]
    assert after["tokens_per_word"] < before["tokens_per_word"] and after["unknown"] == 0
    assert record["rows"] | {"norm_ratio": None} == {
        "before": 8192, "all": 8492, "copied": 8192, "new": 300, "drawn": 0, "norm_ratio": None,
    }  # fmt: skip
    assert f"config.model.path={made}" in said and (made / "vocabulary.html").is_file()
    assert main(words) == 73  # it is there: nothing is overwritten
    assert main(["vocabulary", "audit", "amharic-tiny", "--text", str(tmp_path / "no.txt"), "--output=x"]) == 66
