"""A Hugging Face hub on this machine, as far as huggingface_hub's client asks for it: one data set, its revisions."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest


class Hub(http.server.ThreadingHTTPServer):
    """Serves ``owner/name``. ``revisions`` maps a branch to the files of its newest commit."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.revisions: dict[str, dict[str, bytes]] = {"main": {}}
        self.commits: dict[str, dict[str, bytes]] = {}
        self.token: str | None = None
        self.gated = False
        self.fetched: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def put(self, name: str, content: str | bytes, revision: str = "main") -> None:
        files = self.revisions.setdefault(revision, {})
        files[name] = content if isinstance(content, bytes) else content.encode()

    def commit(self, revision: str) -> str | None:
        """The commit of a branch, or of a commit that was seen before."""
        if revision in self.commits:
            return revision
        if revision not in self.revisions:
            return None
        files = dict(self.revisions[revision])
        sha = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.commits[sha] = files
        return sha


class _Answers(http.server.BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *words: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:  # noqa: N802
        self._answer(body=False)

    def do_GET(self) -> None:  # noqa: N802
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/datasets/"):
            words = path.removeprefix("/api/datasets/").split("/", 2)
            repo, rest = "/".join(words[:2]), words[2] if len(words) > 2 else "revision/main"
            revision, name = unquote(rest.removeprefix("revision/")), None
        elif not path.startswith("/datasets/"):
            return self._send(404, {}, b"")
        else:
            words = path.removeprefix("/datasets/").split("/", 4)
            repo, revision, name = "/".join(words[:2]), unquote(words[3]), unquote(words[4])
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repo != "owner/name" or (self.server.token is not None and given != self.server.token):
            return self._send(401, {"X-Error-Code": "RepoNotFound"}, b"")
        if self.server.gated:
            return self._send(403, {"X-Error-Code": "GatedRepo"}, b"")
        sha = self.server.commit(revision)
        if sha is None:
            return self._send(404, {"X-Error-Code": "RevisionNotFound"}, b"")
        files = self.server.commits[sha]
        if name is None:
            siblings = [{"rfilename": file} for file in sorted(files)]
            return self._send(200, {}, json.dumps({"id": repo, "sha": sha, "siblings": siblings}).encode())
        if name not in files:
            return self._send(404, {"X-Error-Code": "EntryNotFound"}, b"")
        content = files[name]
        if body:
            self.server.fetched.append(name)
        headers = {"X-Repo-Commit": sha, "ETag": f'"{hashlib.sha1(content).hexdigest()}"'}
        return self._send(200, headers, content, body)

    def _send(self, status: int, headers: dict[str, str], content: bytes, body: bool = True) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(content)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that huggingface_hub's own client talks to, and a cache that nobody else sees."""
    from huggingface_hub import constants

    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    template = f"{server.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("AMHARIC_TL_DATA_DIR", str(tmp_path / "data-cache"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
