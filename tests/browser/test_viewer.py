"""The HTML viewer in a real browser: rearranged, wiped, blinked, subtracted, driven by keys, and silent."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from nbgen.show.viewer import ViewCell, html_page, view_data

HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
SAMPLERS = ["ddim", "heun", "euler a", "unipc", "lcm", "dpm++ 2m"]
AXES = [("guidance", ["1", "3.5", "7"]), ("sampler", SAMPLERS), ("seed", ["0", "1", "2", "3"])]


def colour(number: int) -> tuple[int, int, int]:
    return (number * 3, 255 - number * 3, 128)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cells = []
    for number, index in enumerate(itertools.product(range(3), range(6), range(4))):
        if number == 23:
            continue  # where= left it out
        if number == 9:
            cells.append(ViewCell(index, reason=f"out of memory {HOSTILE}", recipe=HOSTILE))
        else:
            image = Image.new("RGB", (64, 64), colour(number))
            cells.append(
                ViewCell(
                    index,
                    str(number),
                    lambda image=image: image,
                    recipe=f"prompt {HOSTILE} {number}",
                    alt=f"{HOSTILE}, {number}",
                )
            )
    path = tmp_path_factory.mktemp("viewer") / "grid.html"
    path.write_text(html_page(view_data(f"a cat {HOSTILE}", AXES, cells)), encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    """The file opened; at the end there must have been no request, no error, no dialog."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
    page.on(
        "request",
        lambda request: (
            complaints.append(request.url) if not request.url.startswith(("file:", "data:")) else None
        ),
    )
    page.goto(file.as_uri())
    yield page
    assert complaints == []
    context.close()


def labels(page: Page, table: int = 0) -> tuple[list[str], list[str]]:
    found = page.locator("table").nth(table)
    return found.locator("tbody th").all_inner_texts(), found.locator("thead .labels th").all_inner_texts()


def expect_focus(page: Page, number: int) -> None:
    """Waits: a dialog's "close" comes a moment after it is gone, and only then the focus goes to its picture."""
    expect(page.locator(f'button.cell[value="{number}"]')).to_be_focused()


def test_every_cell_is_there_with_its_alt_text_and_the_hostile_prompt_is_text(page):
    assert page.locator("button.cell").count() == 71 and page.locator(".cell.skipped").count() == 1
    assert page.locator("h1").inner_text() == f"a cat {HOSTILE}"
    assert page.locator("button.cell img").first.get_attribute("alt") == f"{HOSTILE}, 0"
    assert page.locator("button.cell .reason").inner_text() == f"out of memory {HOSTILE}"
    assert page.locator("img[src=x]").count() == 0
    sizes = page.evaluate(
        """Promise.all([...document.images].map(async (image) => {
            image.loading = "eager";
            await image.decode();
            return image.naturalWidth;
        }))"""
    )
    assert sizes == [64] * 70
    assert page.title().startswith("a cat <img")


def test_axes_are_switched_and_values_hidden(page):
    assert page.locator("table").count() == 3
    assert labels(page) == (SAMPLERS, ["0", "1", "2", "3"])
    page.get_by_role("button", name="Swap rows and columns").click()
    assert labels(page) == (["0", "1", "2", "3"], SAMPLERS)
    page.get_by_label("Where guidance runs").select_option("columns")
    assert page.locator("table").count() == 6 and labels(page)[1] == [
        "1",
        "3.5",
        "7",
    ]  # the samplers became pages
    page.get_by_label("Page of sampler").select_option(label="heun")
    assert page.locator("caption").all_inner_texts() == ["sampler: heun"]
    page.locator(".axis", has_text="seed").locator("summary").click()
    page.get_by_label("2", exact=True).uncheck()
    assert labels(page)[0] == ["0", "1", "3"]
    page.get_by_label("Where sampler runs").select_option("inside")
    assert (
        page.locator("table").count() == 1 and page.locator("td .several").first.locator(".cell").count() == 6
    )


def test_the_keyboard_moves_marks_zooms_and_turns_pages(page):
    page.keyboard.press("ArrowRight")
    expect_focus(page, 1)
    page.keyboard.press("ArrowDown")
    expect_focus(page, 5)
    page.keyboard.press("t")
    assert labels(page)[1] == SAMPLERS
    expect_focus(page, 5)
    width = page.locator("button.cell").first.bounding_box()["width"]
    page.keyboard.press("+")
    assert page.locator("button.cell").first.bounding_box()["width"] > width * 1.2
    page.keyboard.press("0")
    assert page.locator("button.cell").first.bounding_box()["width"] == width
    page.keyboard.press("]")
    assert page.locator("caption").all_inner_texts() == ["guidance: 1"]
    page.keyboard.press("?")
    assert page.get_by_role("dialog").locator("kbd").count() == 10
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0


def test_a_cell_opens_with_its_recipe_and_arrows_go_on(page):
    page.locator("button.cell").first.click()
    dialog = page.get_by_role("dialog")
    assert dialog.locator("h2").inner_text() == "guidance 1, sampler ddim, seed 0"
    assert dialog.locator(".recipe").inner_text() == f"prompt {HOSTILE} 0"
    page.keyboard.press("ArrowRight")
    assert dialog.locator(".recipe").inner_text().endswith("1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert "out of memory" in dialog.locator(".stage").inner_text()
    dialog.get_by_role("button", name="Copy recipe").click()
    # The clipboard answers in its own time.
    dialog.get_by_role("status").filter(has_text=re.compile("cop")).wait_for()
    page.keyboard.press("Escape")
    expect_focus(page, 9)


def marked(page: Page) -> None:
    page.locator("button.cell").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    assert page.locator(".cell.marked").count() == 2
    assert "seed 0" in page.locator(".tray").inner_text() and "seed 1" in page.locator(".tray").inner_text()


def pixel(page: Page, across: float) -> tuple[int, ...]:
    """The colour on the screen at a fraction of the stage's width."""

    shot = Image.open(io.BytesIO(page.locator(".pair").screenshot())).convert("RGB")
    return shot.getpixel((int(shot.width * across), shot.height // 2))


def test_two_cells_are_wiped_by_mouse_and_keyboard(page):
    marked(page)
    page.keyboard.press("c")
    assert (pixel(page, 0.25), pixel(page, 0.75)) == (colour(0), colour(1))
    box = page.locator(".pair").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + 200)
    assert (pixel(page, 0.75), pixel(page, 0.96)) == (colour(0), colour(1))
    for _ in range(14):
        page.keyboard.press("ArrowLeft")
    assert (pixel(page, 0.1), pixel(page, 0.75)) == (colour(0), colour(1))
    page.keyboard.press("x")
    assert (pixel(page, 0.25), pixel(page, 0.75)) == (colour(1), colour(0))


def test_two_cells_blink_and_space_stops_and_flips(page):
    marked(page)
    page.keyboard.press("b")
    # A screenshot may catch the change to the other.
    assert pixel(page, 0.5) == pytest.approx(colour(0), abs=12)
    expect(page.locator(".pair .tag")).to_have_text("B")
    page.keyboard.press("Space")
    first = page.locator(".pair .tag").inner_text()
    page.wait_for_timeout(800)
    assert page.locator(".pair .tag").inner_text() == first
    page.keyboard.press("Space")
    assert page.locator(".pair .tag").inner_text() != first


def test_the_difference_is_the_right_one(page):
    marked(page)
    page.keyboard.press("d")
    expect(page.locator("dialog canvas")).to_have_attribute("aria-label", re.compile("difference"))
    # Two of three channels differ by 3 of 255: √(2·9/3)/255
    assert "0.0096" in page.get_by_role("dialog").get_by_role("status").inner_text()
    gain = int(page.get_by_role("dialog").get_by_role("slider").input_value())
    assert pixel(page, 0.5) == (3 * gain, 3 * gain, 0) and gain == 16


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_dark_and_narrow_windows(browser, file, scheme):
    page = browser.new_page(color_scheme=scheme, viewport={"width": 420, "height": 800})
    page.goto(file.as_uri())
    ground = page.evaluate("getComputedStyle(document.querySelector('.nbgen-viewer')).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") is (scheme == "light")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Light / dark").click()
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.nbgen-viewer')).backgroundColor") != ground
    )
    page.close()
