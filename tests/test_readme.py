"""Every command of the README and of the pages is one that works."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import jax
import pytest

from amharic_tl.cli.arguments import load_config, parse
from amharic_tl.cli.main import VERBS, main
from amharic_tl.config import leaves
from amharic_tl.records.files import read_json

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _commands() -> list[tuple[str, list[str]]]:
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words and words[0] == "amharic-tl":
                    found.append((page.name, [word for word in words[1:] if word != "..."]))
    return found


COMMANDS = _commands()


def test_the_readme_has_commands() -> None:
    assert len(COMMANDS) >= 5
    assert {words[0] for _, words in COMMANDS} <= set(VERBS)


@pytest.mark.parametrize(("page", "words"), COMMANDS, ids=lambda value: value if isinstance(value, str) else "_")
def test_a_command_is_understood(page: str, words: list[str]) -> None:
    del page
    if words[0] != "train":
        verb = importlib.import_module(VERBS[words[0]][0])
        if hasattr(verb, "understand"):  # a verb that reads its words by itself
            verb.understand(words[1:])
            return
        flags, several = getattr(verb, "FLAGS", ()), getattr(verb, "SEVERAL", ())
        parsed = parse(words[1:], verb.OPTIONS, flags, verb.WORDS, several)
        assert set(verb.WORDS) <= set(parsed.options)
        load_config(parsed.options.get("config"), parsed.overrides)
        return
    parsed = parse(words[1:], ["config", "workdir"])
    assert "workdir" in parsed.options
    load_config(parsed.options["config"], parsed.overrides)


def test_settings_named_in_the_pages_exist() -> None:
    known = {name for name, _, _ in leaves()}
    for page in PAGES:
        for name in re.findall(r"--config\.([a-z0-9_]+(?:\.[a-z0-9_]+)+)", page.read_text(encoding="utf-8")):
            assert name in known, f"{page.name}: config.{name}"


def test_make_targets_named_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make (\w+)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


@pytest.mark.slow
def test_ones_own_files_then_further_pretraining_then_its_export(
    tiny_base: Path, tiny_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands of the sections "Your own files" and "Further pretraining", on tiny files and a tiny model."""
    monkeypatch.chdir(tmp_path)
    one = jax.devices()[:1]
    monkeypatch.setattr(jax, "devices", lambda: one)  # programs for eight take long to compile
    for name, copy in (("train", "train"), ("validation", "dev"), ("test", "test")):
        (tmp_path / f"{copy}.csv").write_bytes((tiny_files / f"{name}.csv").read_bytes())
    lines = "\n".join(line.split('","')[0].strip('"') for line in (tmp_path / "train.csv").read_text().splitlines()[1:])
    for name in ("text.txt", "more.txt"):
        (tmp_path / name).write_text(lines + "\n", encoding="utf-8")
    short = ["--config.train.steps=8", "--config.train.batch_size=16", "--config.data.max_length=16"]

    def run(words: list[str], model: str) -> int:
        return main(
            [*words, *short, *([] if any("model.path" in w for w in words) else [f"--config.model.path={model}"])]
        )

    training = [words for page, words in COMMANDS if page == "README.md" and words[0] == "train"]
    chosen = [words for words in training if "runs/afro" not in words]
    own = next(words for words in chosen if any("data.text" in word for word in words))
    pretraining = next(words for words in chosen if "mlm" in words)
    exported = next(words for words in chosen if any("runs/domain/export" in word for word in words))
    assert run(own, str(tiny_base)) == 0
    assert read_json(Path("runs/mine/run.json"))["status"] == "completed"
    assert run(pretraining, str(tiny_base)) == 0
    data = [word for word in own if word.startswith("--config.data.")]
    assert run([*exported[:-2], *data, "--workdir", "runs/second"], "") == 0
    assert read_json(Path("runs/second/run.json"))["status"] == "completed"
