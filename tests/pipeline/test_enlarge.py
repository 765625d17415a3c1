from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.drawn_clip import PAN_HEIGHT, PAN_WIDTH, SHOT, panning

from tsuzuki.frame import Rgb
from tsuzuki.pipeline.enlarge import Enlarger
from tsuzuki.settings import ProcessingSettings
from tsuzuki.upscaling import AIProcessor, plan_upscaling

WIDTH, HEIGHT, FRAMES = PAN_WIDTH, PAN_HEIGHT, SHOT
NETWORK = "waifu2x-upconv7-anime-2x-n1"


@pytest.fixture(scope="module")
def processor() -> AIProcessor:
    settings = ProcessingSettings(model=NETWORK, device="cpu")
    return AIProcessor(plan_upscaling(settings, WIDTH, HEIGHT, 2 * WIDTH, 2 * HEIGHT))


class Way:
    """One way through a segment: which of its frames lie finished on disk."""

    def __init__(self, processor: AIProcessor, on_disk: dict[int, Rgb]) -> None:
        self.out: list[Rgb] = []
        self.reused: list[float] = []
        self.read: list[int] = []
        enlarger = Enlarger(processor, 255)
        enlarger.begin()
        for number in range(FRAMES):
            self.reused.append(enlarger.look(panning(number)))
            if number in on_disk:
                enlarger.skip(lambda n=number: self._read(n, on_disk[n]))
                self.out.append(on_disk[number])
            else:
                self.out.append(enlarger.start(number)())

    def _read(self, number: int, rgb: Rgb) -> Rgb:
        self.read.append(number)
        return rgb


@pytest.fixture(scope="module")
def undisturbed(processor: AIProcessor) -> Way:
    return Way(processor, {})


def test_most_is_taken_over_and_a_cut_computes_all(undisturbed: Way) -> None:
    assert undisturbed.reused[0] == undisturbed.reused[7] == 0.0
    others = [share for number, share in enumerate(undisturbed.reused) if number not in {0, 7}]
    assert min(others) > 0.5


@pytest.mark.parametrize("stopped", range(FRAMES + 1))
def test_stopped_before_any_frame_it_goes_on_with_the_same_pixels(
    processor: AIProcessor, undisturbed: Way, stopped: int
) -> None:
    resumed = Way(processor, dict(enumerate(undisturbed.out[:stopped])))
    assert all(map(np.array_equal, resumed.out, undisturbed.out))
    assert resumed.reused == undisturbed.reused
    assert len(resumed.read) <= 1, "only the frame before is needed"


def test_any_frames_may_lie_on_disk(processor: AIProcessor, undisturbed: Way) -> None:
    resumed = Way(processor, {n: undisturbed.out[n] for n in (1, 2, 5, 8, 9, 11)})
    assert all(map(np.array_equal, resumed.out, undisturbed.out))


def test_a_segment_begins_with_a_whole_frame(processor: AIProcessor) -> None:
    enlarger = Enlarger(processor, 255)
    for _ in range(2):
        enlarger.begin()
        assert enlarger.look(panning(0)) == 0.0
        enlarger.start(0)()
        assert enlarger.look(panning(0)) == 1.0


def test_off_computes_every_frame_as_a_whole() -> None:
    settings = ProcessingSettings(model=NETWORK, device="cpu", reuse="off")
    processor = AIProcessor(plan_upscaling(settings, WIDTH, HEIGHT, 2 * WIDTH, 2 * HEIGHT))
    enlarger = Enlarger(processor, 255)
    enlarger.begin()
    for number in range(2):
        assert enlarger.look(panning(0)) == 0.0
        whole = processor.process_frame(panning(0), 255)
        assert np.array_equal(enlarger.start(number)(), whole)


# --- what must not be frozen ----------------------------------------------------------------------


def blocks(rgb: Rgb) -> NDArray[np.float64]:
    """Return the mean of every 8x8 block of each channel."""
    _, height, width = rgb.shape
    return rgb.reshape(3, height // 8, 8, width // 8, 8).mean(axis=(2, 4))


def fade(number: int) -> Rgb:
    """One grey level a second, at 24 frames a second, over a picture."""
    base = panning(0).astype(float) + number / 24
    return np.ascontiguousarray(base.astype(np.uint8))


def pan(number: int) -> Rgb:
    """A quarter of a pixel a frame, over a smooth picture."""
    x = np.arange(WIDTH) + number / 4
    y = np.arange(HEIGHT)[:, None]
    wave = 120 + 50 * np.sin(x / 9) + 40 * np.cos((x + y) / 5)
    return np.stack([wave, wave[::-1], 255 - wave]).round().astype(np.uint8)


def blue_fade(number: int) -> Rgb:
    """One level of blue more a frame."""
    frame = panning(0).copy()
    frame[2] = 40 + number
    return frame


@pytest.mark.parametrize(
    ("moving", "every"), [(fade, 6), (pan, 1), (blue_fade, 1)], ids=["fade", "pan", "blue"]
)
def test_slow_changes_are_followed(processor: AIProcessor, moving, every) -> None:
    enlarger = Enlarger(processor, 255)
    enlarger.begin()
    for number in range(0, 30 * every, every):
        rgb = moving(number)
        enlarger.look(rgb)
        shown = enlarger.start(number)()
        if number % (3 * every) == 2 * every:  # a whole one takes long
            off = np.abs(blocks(shown) - blocks(processor.process_frame(rgb, 255))).max()
            assert off <= 1.5, number


def test_what_is_kept_at_the_edges_is_what_was_computed() -> None:
    """A blink near the upper edge, over a fade: its part is thinner than what it grew by."""
    settings = ProcessingSettings(model=NETWORK, device="cpu", scale_factor=2.25)
    size = WIDTH, HEIGHT, round(2.25 * WIDTH), round(2.25 * HEIGHT)
    processor = AIProcessor(plan_upscaling(settings, *size))
    enlarger = Enlarger(processor, 255)
    enlarger.begin()
    for number in range(24):
        rgb = np.full((3, HEIGHT, WIDTH), 80 - number, np.uint8)
        rgb[:, 8:16, 64:72] = 250 if number % 2 else 10
        enlarger.look(rgb)
        off = np.abs(
            enlarger.start(number)().astype(float).mean() - processor.process_frame(rgb, 255).mean()
        )
        assert off <= 1.5, number
