"""A small Hugging Face Hub of the tests' own: the endpoints that ``huggingface_hub`` asks for our few calls."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import huggingface_hub.constants
import pytest

from yolo3 import YOLOv3, save_checkpoint
from yolo3.checkpoint import ModelCard

TOKEN = "hf_of_the_tests"


@dataclass
class Hub:
    """What lies on the server: repository -> revision -> file -> content; ``main`` is the head."""

    repos: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    uploaded: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    private: set[str] = field(default_factory=set)
    gated: set[str] = field(default_factory=set)
    writers: set[str] = field(default_factory=lambda: {"user"})
    status: int | None = None
    refuses_uploads: bool = False
    url: str = ""

    def add(self, repo: str, files: dict[str, bytes], revision: str = "main") -> str:
        """Put files into a repository, as a commit; its name, 40 hexadecimal digits."""
        commit = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.repos.setdefault(repo, {})[commit] = files
        self.repos[repo][revision] = files
        return commit

    def commit_of(self, repo: str, revision: str) -> str:
        files = self.repos[repo][revision]
        return next(name for name, each in self.repos[repo].items() if len(name) == 40 and each is files)


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None: ...

    def answer(self, status: int, content: Any = b"", **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def may_not(self, repo: str) -> bool:
        """Refuse a repository that is not there or not for this visitor, as the Hub does."""
        has_token = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if repo in self.hub.gated:
            self.answer(403, {"error": "gated"}, X_Error_Code="GatedRepo", X_Error_Message="Access is restricted")
        elif repo not in self.hub.repos or (repo in self.hub.private and not has_token):
            message = "Repository not found"
            self.answer(
                404 if has_token else 401, {"error": message}, X_Error_Code="RepoNotFound", X_Error_Message=message
            )
        else:
            return False
        return True

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        if self.hub.status:
            return self.answer(self.hub.status, {"error": "under repair"})
        parts = path.strip("/").split("/")
        if parts[0] == "api":  # /api/models/user/name[/revision/main | /tree/main]
            repo = "/".join(parts[2:4])
            if self.may_not(repo):
                return None
            revision = "/".join(parts[5:]) or "main"
            if revision not in self.hub.repos[repo]:
                return self.answer(404, {"error": "Invalid rev"}, X_Error_Code="RevisionNotFound")
            files = self.hub.repos[repo][revision]
            if parts[4:5] == ["tree"]:
                return self.answer(200, [_entry(name, content) for name, content in files.items()])
            return self.answer(200, {"id": repo, "sha": self.hub.commit_of(repo, revision)})
        repo, revision, name = "/".join(parts[:2]), parts[3], "/".join(parts[4:])  # /user/name/resolve/main/file
        if self.may_not(repo):
            return None
        if revision not in self.hub.repos[repo]:
            return self.answer(404, X_Error_Code="RevisionNotFound", X_Error_Message="Invalid rev id")
        commit = self.hub.commit_of(repo, revision)
        content = self.hub.repos[repo][revision].get(name)
        if content is None:
            return self.answer(404, X_Error_Code="EntryNotFound", X_Error_Message="no such file", X_Repo_Commit=commit)
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        self.answer(200, content, ETag=etag, X_Repo_Commit=commit, Content_Length=str(len(content)))

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        self.hub.requests.append(f"POST {path}")
        body = self.body()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, {"error": "Invalid username or password."})
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path == "/api/validate-yaml":
            if "license: mine\n" in json.loads(body)["content"]:
                return self.answer(
                    400, {"errors": [{"message": '"license" must be one of [mit, ...]'}], "warnings": []}
                )
            return self.answer(200, {"errors": [], "warnings": []})
        parts = path.strip("/").split("/")
        if path.endswith(".git/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            for each in objects:
                each["actions"] = {"upload": {"href": f"{self.hub.url}/lfs/{each['oid']}"}}
            return self.answer(200, {"transfer": "basic", "objects": objects})
        repo, action, revision = "/".join(parts[2:4]), parts[4], unquote(parts[5])
        if revision not in self.hub.repos[repo]:
            return self.answer(404, {"error": "Invalid rev"}, X_Error_Code="RevisionNotFound")
        if action == "preupload":
            files = [
                {
                    "path": each["path"],
                    "uploadMode": "lfs" if each["path"].endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                }
                for each in json.loads(body)["files"]
            ]
            return self.answer(200, {"files": files})
        assert action == "commit"
        commit = self.commit(repo, revision, [json.loads(line) for line in body.splitlines()])
        return self.answer(200, {"commitUrl": f"{self.hub.url}/{repo}/commit/{commit}", "commitOid": commit})

    def create(self, asked: dict[str, Any]) -> None:
        repo = f"{asked['organization']}/{asked['name']}"
        url = f"{self.hub.url}/{repo}"
        if asked["organization"] not in self.hub.writers:
            return self.answer(403, {"error": "You don't have the rights to create a model under this namespace"})
        if repo in self.hub.repos:
            return self.answer(409, {"error": "You already created this model repo", "url": url})
        self.hub.add(repo, {".gitattributes": b"*.safetensors filter=lfs\n"})
        if asked.get("visibility") == "private":
            self.hub.private.add(repo)
        return self.answer(200, {"url": url})

    def commit(self, repo: str, revision: str, lines: list[dict[str, Any]]) -> str:
        files = dict(self.hub.repos[repo][revision])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                assert value["encoding"] == "base64"
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.uploaded[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        return self.hub.add(repo, files, revision)

    def do_PUT(self) -> None:
        content = self.body()
        oid = self.path.rpartition("/")[2]
        if self.hub.refuses_uploads:
            return self.answer(418)
        assert hashlib.sha256(content).hexdigest() == oid
        self.hub.uploaded[oid] = content
        return self.answer(200)


def _entry(name: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A Hub on loopback."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub on loopback that ``huggingface_hub`` asks in place of the real one, with an empty cache and no token."""
    constants = huggingface_hub.constants
    with running_hub() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        template = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # a storage whose protocol is not public
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield running


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    """The token that may write."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return TOKEN


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a training: a checkpoint, what was measured, and things that are nobody else's business."""
    folder = tmp_path / "runs/bccd"
    card = ModelCard(("RBC", "WBC"), (64, 96), metrics={"AP": 0.5}, training="0" * 64)
    save_checkpoint(folder, YOLOv3(2, width=0.125), card)
    measured = {"AP": 0.41236, "AP50": 0.7, "AP75": -1.0, "data": f"Pascal VOC data set {tmp_path}/bccd, split 'test'"}
    (folder / "metrics.json").write_text(json.dumps(measured | {"num_images": 72}), encoding="utf-8")
    (folder / "config.yaml").write_text(f"data: {tmp_path}/bccd\n", encoding="utf-8")
    (folder / "last.ckpt").write_bytes(b"a pickle")
    return folder
