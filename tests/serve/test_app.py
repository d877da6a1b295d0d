import asyncio
import json
import socket
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from yolo3 import YOLOv3
from yolo3.predictor import Predictor
from yolo3.serve import Limits, create_app
from yolo3.serve.app import create_api
from yolo3.serve.inference import InferenceService
from yolo3.serve.page import _drawn, _Shown
from yolo3.serve.uploads import FORMATS

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*no_silent_downcasting"),  # Gradio sets it, pandas deprecates it
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),  # likewise
]
_FOUND = [
    {"name": "red", "label": 1, "score": 0.9, "box": [8, 8, 40, 32]},
    {"name": "red", "label": 1, "score": 0.6, "box": [24, 8, 56, 32]},
    {"name": "blue", "label": 0, "score": 0.3, "box": [8, 8, 16, 32]},
]


def _form(content: bytes) -> dict[str, tuple[str, bytes]]:
    return {"file": ("image", content)}


def _error(response: httpx.Response) -> tuple[int, str]:
    assert list(response.json()) == ["detail"]
    assert "\n" not in response.json()["detail"]
    return response.status_code, response.json()["detail"]


def test_a_form_and_a_body_give_the_same_answer(client, encoded):
    answers = [
        client.post("/detect", files=_form(encoded())),
        client.post("/detect", content=encoded(), headers={"content-type": "image/png"}),
        client.post("/detect", content=encoded()),
        client.post("/detect", content=iter([encoded()[:99], encoded()[99:]])),
    ]
    for response in answers:
        assert response.status_code == 200
        answer = response.json()
        assert answer.pop("milliseconds") > 0
        assert answer == {
            "image": {"width": 96, "height": 64},
            "detections": _FOUND,
            "limit_reached": False,
            "model": "patches",
        }


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("", [0, 1, 2]),
        ("?min_score=0.5", [0, 1]),
        ("?min_score=0.6&iou_threshold=1", [0]),
        ("?iou_threshold=0.3", [0, 2]),
        ("?iou_threshold=0.3&min_score=0.3", [0]),
        ("?min_score=1", []),
        ("?min_score=0&iou_threshold=0", [0, 2]),
    ],
)
def test_thresholds_are_those_of_the_request(client, encoded, query, kept):
    response = client.post(f"/detect{query}", files=_form(encoded()))
    found = response.json()["detections"]
    assert [item["box"] for item in found if item["score"] > 0] == [_FOUND[index]["box"] for index in kept]


def test_a_limit_that_is_reached_is_told(encoded, patch_finder):
    predictor = Predictor(patch_finder(), ("blue", "red"), image_size=(64, 96), precision="fp32", max_detections=2)
    with TestClient(create_api(InferenceService(predictor), "patches")) as client:
        answer = client.post("/detect", content=encoded()).json()
        assert (len(answer["detections"]), answer["limit_reached"]) == (2, True)
        answer = client.post("/detect?min_score=0.5", content=encoded()).json()
        assert (len(answer["detections"]), answer["limit_reached"]) == (2, False)


def test_the_page_tells_of_a_limit_too(encoded, patch_finder):
    predictor = Predictor(patch_finder(), ("blue", "red"), image_size=(64, 96), precision="fp32", max_detections=2)
    service = InferenceService(predictor)
    seen = asyncio.run(service.infer(encoded()))
    service.close()
    shown = _Shown(encoded(format="JPEG"), seen)
    assert _drawn(shown, 0.25, 0.45)[1] == "**2 × red, and more than the limit of 2**"
    assert _drawn(shown, 0.5, 0.45)[1] == "**2 × red**"


def test_an_image_with_nothing_in_it(client, encoded):
    assert client.post("/detect", files=_form(encoded((0, 0, 0, 0)))).json()["detections"] == []


def test_detections_are_the_predictors(client, encoded, predictor):
    content = encoded((30, 20, 200, 100), (150, 333))
    answer = client.post("/detect", files=_form(content)).json()
    with Image.open(BytesIO(content)) as image:
        (found,) = predictor(image)
    assert answer["image"] == {"width": 333, "height": 150}
    assert [item["name"] for item in answer["detections"]] == found.names
    for item, box in zip(answer["detections"], found.boxes.tolist(), strict=True):
        assert item["box"] == pytest.approx(box, abs=0.006)


def test_a_turned_photograph_is_seen_upright(client, encoded):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: stored (left, top) is shown at the top right
    answer = client.post("/detect", files=_form(encoded(exif=exif))).json()
    assert answer["image"] == {"width": 64, "height": 96}
    left, top, right, bottom = answer["detections"][0]["box"]
    assert (left, top, right, bottom) == pytest.approx((64 - 32, 8, 64 - 8, 40), abs=1.5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_tiff_is_turned_once(client, encoded, orientation):
    stored = Image.open(BytesIO(encoded()))
    if orientation > 1:  # by the Pillow transpose that the orientation undoes
        stored = stored.transpose({2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = BytesIO()
    stored.save(content, "TIFF", exif=exif)
    answer = client.post("/detect", files=_form(content.getvalue())).json()
    assert answer["image"] == {"width": 96, "height": 64}
    assert answer["detections"] == client.post("/detect", files=_form(encoded())).json()["detections"] != []


@pytest.mark.parametrize(
    ("mode", "format", "tolerance"),
    [
        ("RGBA", "PNG", 0),
        ("P", "GIF", 0),
        ("RGB", "BMP", 0),
        ("CMYK", "TIFF", 0),
        ("CMYK", "JPEG", 2),
        ("RGB", "WEBP", 2),
    ],
)
def test_images_of_any_kind(client, encoded, mode, format, tolerance):
    (found, *_) = client.post("/detect", files=_form(encoded(mode=mode, format=format))).json()["detections"]
    assert found["box"] == pytest.approx(_FOUND[0]["box"], abs=tolerance)


def test_a_grey_image_is_an_image(client, encoded):
    deep = BytesIO()
    Image.fromarray(np.asarray(Image.open(BytesIO(encoded(mode="L")))).astype(np.uint16) * 257).save(deep, "PNG")
    for content in (*(encoded(mode=mode) for mode in ("L", "1", "LA")), deep.getvalue()):
        response = client.post("/detect", files=_form(content))
        assert (response.status_code, response.json()["detections"]) == (200, [])


def _png_of_size(width: int, height: int) -> bytes:
    """A PNG of some bytes that says it has so many pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_what_is_no_image_is_refused(client, encoded):
    no_image = (415, f"not an image that can be read; send one of {', '.join(FORMATS)}")
    too_large = "more than 2 megapixels; make it smaller"
    for content, answer in (
        (b"just some words", no_image),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", no_image),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", no_image),
        (b"", (422, "the image is empty: 0 bytes")),
        (_png_of_size(2001, 1000), (413, f"the image has 2,001 x 1,000 pixels, {too_large}")),
        (_png_of_size(10_000, 10_000), (413, f"the image has 10,000 x 10,000 pixels, {too_large}")),
        (_png_of_size(60_000, 60_000), (413, f"the image has 60,000 x 60,000 pixels, {too_large}")),
    ):
        assert _error(client.post("/detect", files=_form(content))) == answer
        assert _error(client.post("/detect", content=content)) == answer
    status, message = _error(client.post("/detect", files=_form(encoded()[:150])))
    assert (status, message[:22]) == (422, "the image is damaged (")


def test_a_canvas_of_gigabytes_is_refused_before_it_is_opened(client, monkeypatch):
    monkeypatch.setattr("PIL.Image.open", lambda *_, **__: pytest.fail("opened"))
    canvas = (20_000 - 1).to_bytes(3, "little") * 2
    animation = b"RIFF\0\0\0\0WEBPVP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + canvas
    for content in (animation, _png_of_size(20_000, 20_000)):
        status, message = _error(client.post("/detect", files=_form(content)))
        assert (status, message) == (
            413,
            "the image has 20,000 x 20,000 pixels, more than 2 megapixels; make it smaller",
        )


def test_a_jpeg_of_hundreds_of_scans_is_refused(client, encoded, with_scans):
    buffer = BytesIO()
    Image.open(BytesIO(encoded())).save(buffer, "JPEG", progressive=True)
    assert client.post("/detect", files=_form(with_scans(buffer.getvalue(), 100))).status_code == 200
    status, message = _error(client.post("/detect", files=_form(with_scans(buffer.getvalue(), 700))))
    assert (status, message[:34]) == (422, "the JPEG has more than 100 scans a")


def test_requests_without_an_image_are_refused(client, encoded):
    no_file = (422, "the form has no file named 'file'; send it as: curl -F file=@image.jpg")
    multipart = {"content-type": "multipart/form-data"}
    for arguments, answer in (
        ({"files": {"fiel": encoded()}}, no_file),
        ({"files": {"x": b""}, "data": {"file": "/etc/passwd"}}, no_file),
        ({"data": {"file": "/etc/passwd"}}, (415, "content type application/x-www-form-urlencoded; send a form's ")),
        (
            {"files": {"file": encoded()}, "data": {"min_score": "0.9", "x": "1"}},
            (422, "the form has 'min_score' besides 'file'; put thresholds in the URL: /detect?min_score=0.5"),
        ),
        ({"files": [("file", encoded()), ("file", encoded())]}, (400, "Too many files. Maximum number of files is 1.")),
        ({"json": {"file": "http://localhost/"}}, (415, "content type application/json; send a form's file, or ")),
        ({"content": b"x", "headers": multipart}, (400, "Missing boundary in multipart.")),
    ):
        status, message = _error(client.post("/detect", **arguments))
        assert (status, message[: len(answer[1])]) == answer


def test_a_path_is_never_opened(client, encoded, tmp_path):
    (tmp_path / "image.png").write_bytes(encoded())
    path = str(tmp_path / "image.png")
    assert client.post("/detect", files={"file": (path, b"")}).status_code == 422
    assert client.post("/detect", content=path.encode()).status_code == 415


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("min_score=2", "min_score='2': Input should be less than or equal to 1"),
        ("iou_threshold=-0.1", "iou_threshold='-0.1': Input should be greater than or equal to 0"),
        ("min_score=nan", "min_score='nan': "),
        ("min_score=high", "min_score='high': Input should be a valid number"),
        ("minscore=0.5", "minscore='0.5': Extra inputs are not permitted"),
    ],
)
def test_wrong_thresholds_are_refused(client, encoded, query, message):
    status, detail = _error(client.post(f"/detect?{query}", files=_form(encoded())))
    assert (status, detail[: len(message)]) == (422, message)


def test_a_body_too_large_is_refused(client, address):
    too_large = b"\0" * 1_100_000
    answer = (413, "the request has more than 1 megabytes")
    assert _error(client.post("/detect", files=_form(too_large))) == answer
    with httpx.Client(base_url=address) as client:
        assert _error(client.post("/detect", files=_form(too_large))) == answer
        assert _error(client.post("/detect", content=iter([too_large]))) == answer  # of a length it does not tell
        assert _error(client.post("/gradio_api/upload", files={"files": too_large})) == answer


def test_a_failing_detector_fails_alone(client, encoded):
    green = BytesIO()
    Image.new("RGB", (96, 64), (0, 255, 0)).save(green, "PNG")
    answer = client.post("/detect", files=_form(green.getvalue()))
    assert _error(answer) == (500, "the detector failed; its log says why")
    assert client.post("/detect", files=_form(encoded())).status_code == 200


def test_health(client, predictor):
    answer = client.get("/health").json()
    answer.pop("version")
    assert answer == {
        "status": "ok",
        "model": "patches",
        "names": ["blue", "red"],
        "image_size": {"width": 96, "height": 64},
    }
    head = client.head("/health")
    assert (head.status_code, head.content) == (200, b"")


def test_health_of_a_detector_that_fails(encoded, patch_finder):
    """Nobody has to ask it for detections first."""

    class Failing(patch_finder):
        broken = True

        def forward(self, images):
            if self.broken:
                raise RuntimeError("out of order")
            return super().forward(images)

    predictor = Predictor(Failing(), ("blue", "red"), image_size=(64, 96), precision="fp32")
    with TestClient(create_api(InferenceService(predictor), "patches"), raise_server_exceptions=False) as client:
        for _ in range(2):
            answer = client.get("/health")
            assert (answer.status_code, answer.json()["status"]) == (503, "failing")
            assert client.head("/health").status_code == 503
        Failing.broken = False
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        Failing.broken = True
        assert client.get("/health").json()["status"] == "ok"  # as far as anyone knows
        assert client.post("/detect", content=encoded()).status_code == 500
        assert client.get("/health").json()["status"] == "failing"


def test_health_of_a_detector_that_is_slow_to_start(monkeypatch, patch_finder):
    monkeypatch.setattr("yolo3.serve.inference._PATIENCE", 0.05)

    class Slow(patch_finder):
        def forward(self, images):
            time.sleep(0.3)
            return super().forward(images)

    predictor = Predictor(Slow(), ("blue", "red"), image_size=(64, 96), precision="fp32")
    with TestClient(create_api(InferenceService(predictor), "patches")) as client:
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["status"], answer.headers["retry-after"]) == (503, "starting", "1")
        time.sleep(0.5)
        assert client.get("/health").json()["status"] == "ok"


def test_one_image_that_the_detector_fails_at_is_no_failing_detector(client, encoded):
    green = BytesIO()
    Image.new("RGB", (96, 64), (0, 255, 0)).save(green, "PNG")
    assert client.post("/detect", files=_form(green.getvalue())).status_code == 500
    assert client.get("/health").json()["status"] == "ok"


def test_doors_that_are_closed(client):
    for path in (
        "/nowhere",
        "/gradio_api/file=http://localhost/",
        "/gradio_api/file=https:/localhost/",
        "/gradio_api/proxy=http://localhost/",
        "/gradio_api/call/look",
        "/gradio_api/run/look",
        "/gradio_api/component_server",
        "/monitoring",
        "/gradio_api/queue/status",
    ):
        assert _error(client.get(path)) == (404, f"there is nothing at {path}; see /docs")
    assert client.get("/gradio_api/file=/etc/passwd").status_code == 403
    for method in ("GET", "PUT", "DELETE"):
        assert _error(client.request(method, "/detect")) == (405, "send an image with POST; see /docs")


def test_the_page_opens_and_fetches_nothing_but_uploads(client, encoded, tmp_path):
    (tmp_path / "secret.png").write_bytes(encoded())
    (upload,) = client.post("/gradio_api/upload", files={"files": ("a.png", encoded())}).json()
    folder = Path(upload).parents[1]
    (folder / "link").unlink(missing_ok=True)
    (folder / "link").symlink_to(tmp_path)
    look = client.get("/config").json()["dependencies"][0]["id"]

    def event(file: object, position: int = 0) -> dict[str, object]:
        data = [None, 0.25, 0.45]
        data[position] = file
        return {"data": data, "fn_index": look, "session_hash": "stranger"}

    def file(path: object, **more: object) -> dict[str, object]:
        return {"path": path, "orig_name": "a.png", "meta": {"_type": "gradio.FileData"}, **more}

    try:
        for forbidden in (
            event(file(str(tmp_path / "secret.png"))),
            event(file(str(tmp_path / "secret.png"), is_stream=True)),
            event(file(str(tmp_path / "secret.png")), position=1),
            event([{"deep": file(str(tmp_path / "secret.png"))}]),
            event(file("http://127.0.0.1:9/a.png")),
            event(file("https://localhost/a.png"), position=2),
            event(file(f"{folder}/../secret.png")),
            event(file(f"{folder}/link/secret.png")),
            event(file(f"{folder}-not/secret.png")),
            event(file(str(folder))),
            event(file(None)),
        ):
            assert _error(client.post("/gradio_api/queue/join", json=forbidden)) == (403, "only uploads are opened")
    finally:
        (folder / "link").unlink()
    assert client.get(f"/gradio_api/file={tmp_path}/secret.png").status_code == 403
    assert client.get(f"/gradio_api/file={Path(__file__)}").status_code == 403
    assert client.post("/gradio_api/queue/join", content=b"{nonsense").status_code == 422

    assert client.post("/gradio_api/queue/join", json=event(file(upload))).status_code == 200
    with client.stream("GET", "/gradio_api/queue/data?session_hash=stranger") as answers:
        told = [json.loads(line[5:]) for line in answers.iter_lines() if line.startswith("data:")]
    (done,) = [message for message in told if message["msg"] == "process_completed"]
    assert done["output"]["data"][2] == "**2 × red, 1 × blue**"


def test_the_documentation_is_complete_and_from_here(client):
    page = client.get("/docs").text
    assert "http" not in page.replace("http://www.w3.org", "")
    schema = client.get("/openapi.json").json()
    assert set(schema["paths"]) == {"/detect", "/health", "/ready", "/metrics"}
    detect = schema["paths"]["/detect"]["post"]
    assert set(detect["requestBody"]["content"]) == {"multipart/form-data", "image/*"}
    assert [parameter["name"] for parameter in detect["parameters"]] == ["min_score", "iou_threshold"]
    assert set(detect["responses"]) == {"200", "400", "408", "413", "415", "422", "500", "503"}


def test_fifty_at_once_lose_none(address, encoded, batches):
    contents = [encoded((number, 8, number + 20, 30), (64, 80 + number)) for number in range(50)]
    bad = {7: b"words", 23: encoded()[:150]}

    limits = httpx.Limits(max_connections=50)
    with httpx.Client(base_url=address, timeout=60, limits=limits) as client, ThreadPoolExecutor(50) as threads:

        def ask(number: int) -> httpx.Response:
            return client.post("/detect", content=bad.get(number, contents[number]))

        batches.clear()
        together = list(threads.map(ask, range(50)))
        assert 1 < max(batches) <= 8
        one_by_one = [ask(number) for number in range(50)]
    for number, (response, alone) in enumerate(zip(together, one_by_one, strict=True)):
        assert response.status_code == alone.status_code == (200 if number not in bad else alone.status_code)
        if number not in bad:
            assert response.json()["detections"] == alone.json()["detections"]
            assert response.json()["image"] == {"width": 80 + number, "height": 64}
            assert response.json()["detections"][0]["box"] == pytest.approx([number, 8, number + 20, 30], abs=3)


def test_clients_that_leave_are_no_failure(address, encoded, capfd, caplog):
    server = urlsplit(address)
    for path, kind in (("/detect", "image/png"), ("/gradio_api/upload", "multipart/form-data; boundary=b")):
        head = f"POST {path} HTTP/1.1\r\nHost: {server.netloc}\r\nContent-Type: {kind}\r\nContent-Length: 9000\r\n\r\n"
        with socket.create_connection((server.hostname, server.port)) as stranger:
            stranger.sendall(head.encode() + encoded()[:50])
    time.sleep(0.3)
    assert httpx.post(f"{address}/detect", content=encoded()).status_code == 200
    assert "Traceback" not in capfd.readouterr().err
    assert caplog.records == []


def test_more_requests_than_places_are_told_to_come_again(predictor, encoded):
    service = InferenceService(predictor, Limits(requests=2))
    app = create_api(service, "patches")

    async def crowd() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            first = [asyncio.create_task(client.post("/detect", content=_slowly(encoded()))) for _ in range(2)]
            await asyncio.sleep(0.1)
            third = await client.post("/detect", content=encoded())
            return [*await asyncio.gather(*first), third, await client.post("/detect", content=encoded())]

    async def _slowly(content: bytes):
        yield content[:50]
        await asyncio.sleep(0.3)
        yield content[50:]

    first, second, third, later = asyncio.run(crowd())
    service.close()
    assert [first.status_code, second.status_code, later.status_code] == [200, 200, 200]
    assert _error(third) == (503, "2 requests are in progress already; try again in a second")
    assert third.headers["retry-after"] == "1"


def test_an_image_that_does_not_arrive(predictor, encoded):
    async def never():
        yield b"x"
        await asyncio.sleep(5)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_api(InferenceService(predictor, Limits(seconds=0.05)), "patches"))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.post("/detect", content=never())

    assert _error(asyncio.run(ask())) == (408, "the image took longer than 0.05 s to arrive")


@pytest.mark.parametrize(
    ("name", "value"),
    [("megabytes", 0), ("megapixels", -1.0), ("requests", 0), ("seconds", float("nan")), ("uploads", 0)],
)
def test_limits_are_positive(name, value):
    with pytest.raises(ValueError, match=rf"limit {name} is {value}; it must be above 0"):
        Limits(**{name: value})


def test_when_the_application_ends_so_does_its_thread_and_it_may_begin_again(predictor, encoded):
    app = create_api(InferenceService(predictor), "patches")
    others = [thread for thread in threading.enumerate() if thread.name == "batcher"]
    for _ in range(2):
        with TestClient(app) as client:
            assert client.post("/detect", content=encoded()).status_code == 200
            assert len([thread for thread in threading.enumerate() if thread.name == "batcher"]) == len(others) + 1
        assert [thread for thread in threading.enumerate() if thread.name == "batcher"] == others


def test_nonsense_leaves_no_traceback(address, encoded, capfd, caplog):
    with httpx.Client(base_url=address) as client:
        look = client.get("/config").json()["dependencies"][0]["id"]
        whole = {"data": [None, 0.25, 0.45], "fn_index": look, "session_hash": "nonsense"}
        for wrong in (
            {"fn_index": 999},
            {"fn_index": -1},
            {"fn_index": True},
            {"fn_index": None},
            {"data": []},
            {"data": [None, "a", 0.5]},
            {"data": [None, 0.5, 2]},
            {"data": ["words", 0.5, 0.5]},
            {"data": [5, 0.5, 0.5]},
            {"data": [{"a": 1}, 0.5, 0.5]},
            {"data": None},
            {"data": [None, 0.5, 0.5, "a class"]},
            {"session_hash": 5},
        ):
            answer = client.post("/gradio_api/queue/join", json=whole | wrong)
            assert _error(answer) == (422, "no event of this page")
        for content in (b"", b"[1]", b"nonsense"):
            answer = client.post("/gradio_api/queue/join", content=content)
            assert _error(answer) == (422, "no event of this page")

        def part(head: str) -> bytes:
            return f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + encoded() + b"\r\n--b--\r\n"

        kind = {"content-type": "multipart/form-data; boundary=b"}
        answer = client.post("/gradio_api/upload", content=part('name="files"'), headers=kind)
        assert _error(answer) == (422, "the form has something else than files")
        assert client.post("/gradio_api/upload", content=b"nonsense", headers=kind).status_code == 400
        answer = client.post("/gradio_api/upload", content=part('name="files"; filename="a.png"'), headers=kind)
        assert answer.status_code == 200
    assert "Traceback" not in capfd.readouterr().err
    assert not [record for record in caplog.records if record.exc_info]


def test_uploads_have_a_limit_together(predictor, encoded, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    app = create_app(predictor, "patches", Limits(uploads=0.01))
    large = encoded(size=(64, 97), format="BMP")
    assert len(large) > 10_000
    with TestClient(app) as client:
        for content, status in ((encoded(), 200), (large, 507), (encoded((0, 0, 9, 9)), 200)):
            answer = client.post("/gradio_api/upload", files={"files": ("a.png", content)})
            assert answer.status_code == status
        (tmp_path / "more").write_bytes(b"0" * 10_000)
        answer = client.post("/gradio_api/upload", files={"files": ("a.png", encoded())})
        assert _error(answer) == (507, "0.01 megabytes of uploads are stored already; they are deleted after an hour")


def test_the_tab_that_explains_takes_the_name_of_a_class_and_nothing_else(encoded, caplog):
    predictor = Predictor(YOLOv3(2, width=0.125), ("cat", "dog"), 64, "fp32", min_score=0.05)
    with TestClient(create_app(predictor, "small")) as client:
        (upload,) = client.post("/gradio_api/upload", files={"files": ("a.png", encoded())}).json()
        file = {"path": upload, "orig_name": "a.png", "meta": {"_type": "gradio.FileData"}}
        (explain,) = (each["id"] for each in client.get("/config").json()["dependencies"] if len(each["inputs"]) == 4)

        def answer(why: object, session: str) -> str:
            event = {"data": [file, 0.25, 0.45, why], "fn_index": explain, "session_hash": session}
            assert client.post("/gradio_api/queue/join", json=event).status_code == 200
            with client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as answers:
                told = [json.loads(line[5:]) for line in answers.iter_lines() if line.startswith("data:")]
            (done,) = [message for message in told if message["msg"] == "process_completed"]
            return done["output"]["data"][0]

        assert "Why dog?" in answer("dog", "a")
        assert "Inside one prediction" in answer(None, "b")
        assert "no class is called &#x27;&lt;b&gt;&#x27;; there are cat, dog" in answer("<b>", "c")
        for wrong in (5, ["dog"], "x" * 501, {"path": upload}):
            event = {"data": [file, 0.25, 0.45, wrong], "fn_index": explain, "session_hash": "d"}
            assert _error(client.post("/gradio_api/queue/join", json=event)) == (422, "no event of this page")
        event["data"] = [file, 0.25, 0.45]
        assert client.post("/gradio_api/queue/join", json=event).status_code == 422
    assert "Traceback" not in caplog.text
