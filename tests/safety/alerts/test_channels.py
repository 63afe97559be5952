"""Channels: where messages may go, what is never repeated, and a server that hangs."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest

from amharic_tl.errors import ConfigError, MissingInputError
from amharic_tl.records.files import read_lines
from amharic_tl.safety.alerts import channels as module
from amharic_tl.safety.alerts.addresses import check_address, is_private
from amharic_tl.safety.alerts.channels import Channels
from tests.safety.world import settings

SECRET = "tok3n"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.1.1", "192.168.0.1", "::1", "fe80::1%eth0", "::ffff:127.0.0.1", "0.0.0.0"],
)
def test_private_addresses_are_known(address: str) -> None:
    assert is_private(address)
    assert not is_private("1.1.1.1") and not is_private("2606:4700:4700::1111")


@pytest.mark.parametrize(
    "address",
    [
        "jsons://127.0.0.1/tok3n",
        "jsons://localhost/tok3n",
        "json://1.1.1.1/tok3n",
        "exec://tok3n",
        "file:///tok3n",
        "tok3n",
    ],
)
def test_what_no_message_may_go_to_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_address(address, allow_private=False)
    assert SECRET not in str(refused.value)
    check_address("jsons://1.1.1.1/tok3n", allow_private=False)
    check_address("json://127.0.0.1/tok3n", allow_private=True)


def test_an_address_in_the_config_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="env:NAME or file:PATH") as refused:
        settings(**{"channels.webhook": "slack://tok3n/a/b"})
    assert SECRET not in str(refused.value)


def test_without_apprise_or_an_address_nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = settings(**{"channels.webhook": "env:NO_SUCH_NAME"})
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'amharic-tl\[alerts\]'"):
        Channels(wanted, print)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: name)
    with pytest.raises(MissingInputError, match="environment variable NO_SUCH_NAME"):
        Channels(wanted, print)


def test_a_file_is_told_and_one_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    for path in (tmp_path / "told.jsonl", tmp_path):
        said: list[str] = []
        channel = Channels(settings(**{"channels.file": str(path)}), said.append)
        channel.send("one")
        channel.send("two")
        channel.close()
        if path is tmp_path:
            assert len(said) == 1 and "training goes on" in said[0]
        else:
            assert [line["message"] for line in read_lines(path)] == ["one", "two"] and said == []


def test_a_server_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection and never answers; the process that waits for it is ended."""
    server = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv("HOOK", f"json://127.0.0.1:{server.getsockname()[1]}/{SECRET}")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: name)
    started = threading.Event()

    class Hanging(module.subprocess.Popen):  # type: ignore[misc,name-defined]
        def __init__(self, command: list[str], **options: object) -> None:
            del command
            code = "import socket,sys,json,urllib.parse as u; a=u.urlsplit(json.load(sys.stdin)['address']); " + (
                "socket.create_connection((a.hostname, a.port)).recv(1)"
            )
            assert SECRET not in json.dumps(options["env"])
            super().__init__([module.sys.executable, "-c", code], **options)  # type: ignore[call-overload]
            started.set()

    monkeypatch.setattr(module.subprocess, "Popen", Hanging)
    said: list[str] = []
    channel = Channels(settings(**{"channels.webhook": "env:HOOK", "channels.allow_private": True}), said.append)
    began = time.monotonic()
    for number in range(module.WAITING + 10):
        channel.send(f"message {number}")
    assert time.monotonic() - began < 2.0
    assert started.wait(20)
    began = time.monotonic()
    channel.close(patience=0.2)
    assert time.monotonic() - began < 2.0
    assert any("were not sent in time" in each for each in said) and SECRET not in "".join(said)
    server.close()


def test_apprise_takes_a_message_follows_no_redirect_and_goes_nowhere_private(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("apprise", reason="the extra alerts is not installed")
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    seen: list[bytes] = []

    def serve() -> None:
        for answer in (b"200 OK\r\nContent-Length: 0", f"302 Found\r\nLocation: http://127.0.0.1:{port}/x".encode()):
            connection, _ = server.accept()
            with connection:
                seen.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 " + answer + b"\r\nConnection: close\r\n\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    monkeypatch.setenv("HOOK", f"json://127.0.0.1:{port}/hook")
    said: list[str] = []
    channel = Channels(settings(**{"channels.webhook": "env:HOOK", "channels.allow_private": True}), said.append)
    assert channel._post("flip rate 0.2, n 90")
    assert not channel._post("another")  # the redirect is an answer, and no message was taken
    thread.join(10)
    assert len(seen) == 2 and b"POST /hook" in seen[0]
    object.__setattr__(channel, "_settings", settings(**{"channels.webhook": "env:HOOK"}).channels)
    assert not channel._post("private")
    server.close()
