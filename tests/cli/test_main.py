"""The shell around the verbs: help without JAX, nearest names, exit codes, presets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from amharic_tl.cli.arguments import UsageError, load_config, parse, presets
from amharic_tl.cli.main import VERBS, main
from amharic_tl.errors import BadInputError, ConfigError, InputOutputError, MissingInputError


def test_help_lists_exactly_the_verbs_that_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {verb} " in shown for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"amharic-tl {verb}" in capsys.readouterr().out


def test_help_loads_neither_jax_nor_any_other_heavy_library() -> None:
    code = (
        "import sys; from amharic_tl.cli.main import VERBS, main; main(['--help']); "
        "[main([verb, '--help']) for verb in VERBS]; "
        "import amharic_tl; print(sorted({n.split('.')[0] for n in sys.modules} & "
        "{'jax', 'numpy', 'flax', 'transformers', 'altair', 'sklearn', 'torch', 'tensorflow'}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["trian"], 2, "did you mean 'train'?"),
        (["train", "--confg", "classify"], 2, "did you mean --config?"),
        (["train", "--workdir", "w"], 2, "--config is missing"),
        (["train", "--config", "classify"], 2, "--workdir is missing"),
        (["train", "--config", "clasify", "--workdir", "w"], 66, "did you mean 'classify'?"),
        (["train", "--config", "classify", "--config.optim.lr=nan", "--workdir", "w"], 78, "finite"),
        (["train", "--config", "classify", "--config.optim.lrr=1", "--workdir", "w"], 78, "config.optim.lr?"),
        (["report", "--workdir", "nowhere"], 66, "not a workdir"),
        (["sweep", "run", "sample", "--jobs=²"], 2, "--jobs: expected a whole number"),
        (["evaluate", "--compare=a"], 2, "two or more systems"),
        (["audit", "a.csv", "--against", "--output", "o"], 2, "--against needs a value"),
        (["cross-validate", "--config", "classify", "--workdir", "w"], 78, "--folds is missing"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_an_exit_code(
    arguments: list[str],
    code: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    shown = capsys.readouterr().err
    assert message in shown and "Traceback" not in shown
    assert list(tmp_path.iterdir()) == []


def test_parse_takes_both_spellings() -> None:
    parsed = parse(
        ["--config=x.py", "--workdir", "w", "--config.optim.lr", "1e-4", "--config.a.b=c=d"], ["config", "workdir"]
    )
    assert parsed.options == {"config": "x.py", "workdir": "w"}
    assert parsed.overrides == {"optim.lr": "1e-4", "a.b": "c=d"}
    with pytest.raises(UsageError, match="needs a value"):
        parse(["--config", "--workdir=w"], ["config", "workdir"])


@pytest.mark.parametrize("name", ["quickstart", "classify", "mlm"])
def test_presets_are_valid(name: str) -> None:
    assert name in presets()
    load_config(name, {})


def test_the_order_is_defaults_file_command_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def get_config():\n    return {'optim': {'lr': 0.25, 'beta1': 0.5}}\n")
    config = load_config(str(path), {"optim.lr": "0.125"})
    assert (config.optim.lr, config.optim.beta1, config.optim.beta2) == (0.125, 0.5, 0.999)
    stored = tmp_path / "config.json"
    stored.write_text(json.dumps({"optim": {"lr": 0.25}}))
    assert load_config(str(stored), {}).optim.lr == 0.25


def test_a_config_file_that_fails_is_named(tmp_path: Path) -> None:
    for name, text, error in [
        ("a.py", "def get_config(:\n", BadInputError),
        ("b.py", "def get_config():\n    return 1 / 0\n", BadInputError),
        ("c.py", "x = 1\n", BadInputError),
        ("d.json", "{", BadInputError),
        ("e.yaml", "", BadInputError),
        ("g.py", "import sys\nsys.exit(3)\n", BadInputError),
        ("f.py", "def get_config():\n    return {'optim': {'lrr': 1}}\n", ConfigError),
    ]:
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(error) as caught:
            load_config(str(path), {})
        assert name in str(caught.value) or "lrr" in str(caught.value)
    with pytest.raises(MissingInputError):
        load_config(str(tmp_path / "none.py"), {})


def test_a_config_file_is_not_executed_for_help(tmp_path: Path) -> None:
    sentinel = tmp_path / "ran"
    path = tmp_path / "mine.py"
    path.write_text(f"open({str(sentinel)!r}, 'w').close()\ndef get_config():\n    return {{}}\n")
    assert main(["train", "--config", str(path), "--help"]) == 0
    assert not sentinel.exists()


def test_a_bug_of_ours_exits_with_70(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from amharic_tl.cli import report

    def broken(arguments: object) -> int:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(report, "main", broken)
    assert main(["report"]) == 70
    assert "unforeseen" in capsys.readouterr().err


def test_ctrl_c_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from amharic_tl.cli import report

    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "main", interrupted)
    assert main(["report"]) == 75
    assert capsys.readouterr().err == "amharic-tl report: stopped; type the same command again to go on\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_heard_before_jax_is_there(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import amharic_tl.run.training as training

    def told(*_: object) -> None:
        os.kill(os.getpid(), number)

    monkeypatch.setattr(training, "assemble", told)
    assert main(["train", "--config", "classify", "--workdir", str(tmp_path / "w")]) == 75
    assert f"{number.name} received while reading data and model" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def test_a_config_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.json"
    path.write_text("{}")

    def denied(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", denied)
    with pytest.raises(InputOutputError, match="mine.json: Permission denied"):
        load_config(str(path), {})


@pytest.mark.parametrize("content", ["{", "[]"])
def test_the_report_of_a_broken_config_is_refused(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text(content)
    assert main(["report", "--workdir", str(tmp_path)]) == 65
    assert "config.json" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_workdir_below_a_file_is_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.csv").write_text("")
    assert main(["train", "--config", "classify", "--workdir", str(tmp_path / "train.csv" / "x" / "y")]) == 73
    assert "train.csv is a file; name a directory" in capsys.readouterr().err
