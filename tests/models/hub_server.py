"""A hub on this machine: the part of the Hugging Face hub's protocol that loading a model speaks, and its refusals."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.ThreadingHTTPServer):
    """`models`: "owner/name" → folder; the name says how it misbehaves (see `Answer`). `asked`: paths, in order."""

    daemon_threads = True

    def __init__(self, models: dict[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.models = models
        self.asked: list[str] = []

    def leave(self) -> None:
        """From now on connections are refused."""
        self.shutdown()
        self.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(http.server.BaseHTTPRequestHandler):
    """One request. gated: needs the token "good"; wrong-hash, cut, busy: what they are called."""

    server: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.server.asked.append(path)
        if path == "stop":
            self._send(200, b"gone")
            threading.Thread(target=self.server.leave).start()
            return
        words = path.removeprefix("api/models/").split("/")
        name = "/".join(words[:2])
        folder = self.server.models.get(name)
        revision = words[3] if len(words) > 3 else "main"
        if folder is None:
            self._refuse(404, "RepoNotFound")
        elif "gated" in name and self.headers.get("Authorization") != "Bearer good":
            self._refuse(403, "GatedRepo")
        elif revision not in ("main", COMMIT):
            self._refuse(404, "RevisionNotFound")
        elif "busy" in name:
            self._refuse(501, "")  # unlike 500 and 503, which are tried five times, this is told at once
        elif path.startswith("api/"):
            tree = len(words) > 2 and words[2] == "tree"
            self._send(200, json.dumps(_tree(name, folder) if tree else _listing(name, folder)).encode())
        elif not (folder / "/".join(words[4:])).is_file():
            self._refuse(404, "EntryNotFound")
        else:
            self._file(name, folder / "/".join(words[4:]), body)

    def _file(self, name: str, path: Path, body: bool) -> None:
        content = path.read_bytes()
        promised = len(content) + (1000 if "cut" in name and path.suffix == ".safetensors" else 0)
        headers = {"ETag": f'"{_digest(path)}"', "X-Linked-Size": str(promised), "X-Repo-Commit": COMMIT}
        self._send(200, content if body else b"", {**headers, "Content-Length": str(len(content))})

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"", {"X-Error-Code": code} if code else {})

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Nothing is written: `asked` tells."""


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _files(name: str, folder: Path) -> Iterator[tuple[str, int, str]]:
    """(path, bytes, sha256) of each file, as the hub tells them."""
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        digest = "0" * 64 if "wrong-hash" in name and path.suffix == ".safetensors" else _digest(path)
        yield path.relative_to(folder).as_posix(), path.stat().st_size, digest


def _tree(name: str, folder: Path) -> list[dict[str, object]]:
    return [
        {
            "type": "file", "path": path, "size": size, "oid": digest[:40],
            "lfs": {"oid": digest, "size": size, "pointerSize": 134},
        }
        for path, size, digest in _files(name, folder)
    ]  # fmt: skip


def _listing(name: str, folder: Path) -> dict[str, object]:
    files = [
        {
            "rfilename": path, "size": size, "blobId": digest[:40],
            "lfs": {"sha256": digest, "size": size, "pointerSize": 134},
        }
        for path, size, digest in _files(name, folder)
    ]  # fmt: skip
    return {"id": name, "modelId": name, "sha": COMMIT, "siblings": files, "tags": [], "private": False}


@contextlib.contextmanager
def running(models: dict[str, Path]) -> Iterator[Hub]:
    hub = Hub(models)
    thread = threading.Thread(target=hub.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield hub
    finally:
        hub.leave()
        thread.join()
