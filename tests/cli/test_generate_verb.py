"""amharic-tl generate: one text on the terminal, or a file that an interruption does not spoil."""

from __future__ import annotations

from pathlib import Path

import pytest

import amharic_tl as atl
from amharic_tl.cli.main import main
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.models.text_generation import TextGenerator
from amharic_tl.records.files import read_lines

LINES = ["ባለ ቦሎ", "", "ካነ ኮኖ ኪኒ", "ዳረ", "ታመ ቶሞ"]


@pytest.fixture(scope="module")
def model(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("gpt2")
    config = {
        "model_type": "gpt2",
        "vocab_size": len(load_tokenizer(tiny_base)),
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 2,
        "n_positions": 64,
        "initializer_range": 0.4,
        "bos_token_id": 0,
        "eos_token_id": 2,
    }
    atl.save_pretrained(atl.from_config(config, "causal-lm", seed=0), folder, tokenizer_from=tiny_base)
    return str(folder)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


def test_a_prompt_is_continued_behind_itself(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", model, "--prompt", LINES[0], "--max-new-tokens=5"]) == 0
    shown = capsys.readouterr().out
    written = TextGenerator.load(model).write([LINES[0]], max_new_tokens=5)[0]
    assert shown == f"{LINES[0]}{written}\n"
    assert main(["generate", model, "--prompt", LINES[0], "--max-new-tokens=5", "--num-beams=2"]) == 0
    assert capsys.readouterr().out.startswith(LINES[0])


def test_a_file_is_written_in_order_and_blank_lines_stay(model: str, source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    command = ["generate", model, "--input", str(source), "--output", str(output), "--max-new-tokens=4"]
    assert main([*command, "--batch-size=2"]) == 0
    records = read_lines(output)
    assert [record["line"] for record in records] == [1, 2, 3, 4, 5]
    assert [record["input"] for record in records] == LINES
    assert records[1]["output"] == ""
    texts = [line for line in LINES if line]
    assert [r["output"] for r in records if r["input"]] == TextGenerator.load(model).write(texts, max_new_tokens=4)


def test_an_interrupted_file_is_gone_on_with_to_the_same_bytes(
    model: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(output: Path) -> list[str]:
        options = ["--max-new-tokens=4", "--temperature=2", "--batch-size=2"]
        return ["generate", model, "--input", str(source), "--output", str(output), *options]

    whole, broken = tmp_path / "whole.jsonl", tmp_path / "broken.jsonl"
    assert main(command(whole)) == 0
    original, calls = TextGenerator.write, []

    def dying(self: TextGenerator, *arguments: object, **named: object) -> list[str]:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(TextGenerator, "write", dying)
    assert main(command(broken)) == 75
    assert len(read_lines(broken)) == 2
    # As if killed in the middle of a batch, and of a line.
    first = whole.read_text(encoding="utf-8").splitlines(keepends=True)
    broken.write_text("".join(first[:3]) + first[3][:9], encoding="utf-8")
    assert main(command(broken)) == 0
    assert broken.read_bytes() == whole.read_bytes()
    capsys.readouterr()
    before = len(calls)
    assert main(command(broken)) == 0 and len(calls) == before
    assert "is complete: 5 rows" in capsys.readouterr().err
    assert main([*command(broken), "--seed=1"]) == 78
    assert "choose another --output" in capsys.readouterr().err
    assert broken.read_bytes() == whole.read_bytes()


def test_a_command_that_failed_may_be_mended(model: str, source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    rest = ["--input", str(source), "--output", str(output), "--max-new-tokens=2"]
    assert main(["generate", str(tmp_path / "absent"), *rest]) == 66
    assert main(["generate", model, *rest, "--dtype=int8"]) == 78
    assert main(["generate", model, *rest]) == 0


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--input=x", "--output=y"], 66, "there is no file x"),
        (["--prompt=ሀ", "--input=x"], 2, "either --prompt=TEXT or --input=FILE"),
        (["--input=x"], 2, "go together"),
        ([], 2, "either"),
        (["--prompt=ሀ", "--top-k=many"], 2, "--top-k: expected a whole number, found 'many'"),
        (["--prompt=ሀ", "--top-p=2"], 78, "top_p: expected a number above 0 and at most 1"),
        (["--prompt=ሀ", "--target-language=amh_Ethi"], 78, "--target-language"),
        (["--prompt=ሀ", "--batch-size=0"], 2, "--batch-size"),
    ],
)
def test_wrong_options_are_refused(
    model: str, options: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", model, *options]) == code
    assert said in capsys.readouterr().err
