"""The HTML viewer as text: one file, nothing but itself, every word inert."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nbgen.show.viewer import ViewCell, bundle, html_page, view_data
from nbgen.show.words import printable

HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script><!-- ' \" & \u2028 \ud800"


def noise(seed=0, side=32):
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return lambda: Image.fromarray(pixels)


def data(**settings):
    cells = [
        ViewCell((0,), "same", noise(1), recipe=HOSTILE, alt=HOSTILE),
        ViewCell((1,), "same", noise(1)),
        ViewCell((2,), "other", noise(2)),
        ViewCell((3,), reason=HOSTILE),
    ]
    return view_data(HOSTILE, [(HOSTILE, ["0", "1", "2", HOSTILE])], cells, notes=[HOSTILE], **settings)


def test_each_picture_is_stored_once_and_without_loss():
    found = data()
    assert [cell["picture"] for cell in found["cells"]] == [0, 0, 1, None]
    head, content = found["pictures"][1].split(",")
    assert head == "data:image/png;base64"
    decoded = Image.open(io.BytesIO(base64.b64decode(content)))
    np.testing.assert_array_equal(np.asarray(decoded), np.asarray(noise(2)()))
    assert found["sizes"] == [(32, 32), (32, 32)]


def test_too_much_for_one_file_is_compressed_then_reduced_and_said():
    cells = [ViewCell((number,), str(number), noise(number, 128)) for number in range(10)]
    axes = [("seed", [str(number) for number in range(10)])]
    gentle = view_data("many", axes, cells, budget=300_000)
    assert gentle["pictures"][0].startswith("data:image/webp") and gentle["sizes"][0] == (128, 128)
    small = view_data("many", axes, cells, budget=20_000)
    assert max(small["sizes"][0]) < 128 and "at most 64 pixels" in small["notes"][-1]


def test_data_stays_data_whatever_it_says():
    page = html_page(data())
    body = page.split('<script type="application/json" id="data">')[1].split("</script>")[0]
    assert not re.search("[<>&]", body) and body.isascii()
    read = json.loads(body)
    assert read["title"] == HOSTILE.replace("\ud800", "\ufffd")
    assert page.count("</script>") == 2 and page.count("<script") == 2
    assert "<img" not in page and "alert(1)" in page
    page.encode("utf-8")


def test_the_policy_allows_this_script_and_this_style_and_nothing_else():
    page = html_page(data())
    policy = re.search('http-equiv="Content-Security-Policy" content="([^"]+)"', page).group(1)
    assert (
        policy.startswith("default-src 'none'; img-src data:;")
        and "unsafe" not in policy
        and "http" not in policy
    )
    for kind, tag in (
        ("script-src", r'<script type="module">(.*?)</script>'),
        ("style-src", "<style>(.*?)</style>"),
    ):
        content = re.search(tag, page, re.DOTALL).group(1)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy


def test_nothing_outside_the_file_is_named():
    page = html_page(data())
    assert not re.search(
        r"https?://|url\(|@import|fetch\(|XMLHttpRequest|WebSocket|\beval\b|innerHTML|document\.write", page
    )
    assert "import " not in re.sub(r"^//.*$", "", bundle(), flags=re.MULTILINE)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_any_text_arrives_as_itself_and_cannot_leave_its_place(text, labels):
    cells = [ViewCell((number,), reason=text, recipe=text, alt=text) for number in range(len(labels))]
    page = html_page(view_data(text, [(text, labels)], cells, notes=[text]))
    assert page.count("<script") == page.count("</script>") == 2
    read = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert read["title"] == read["cells"][0]["recipe"] == printable(text)
    assert read["axes"] == [{"title": printable(text), "labels": [printable(label) for label in labels]}]
