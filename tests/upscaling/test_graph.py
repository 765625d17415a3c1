from __future__ import annotations

from fractions import Fraction

import pytest

from tsuzuki.errors import ModelError
from tsuzuki.upscaling.graph import read_graph

SMALL = """7767517
6 7
Input in 0 1 data 0=8 1=8 2=3
Convolution down 1 1 data half 0=4 1=2 3=2 5=1 6=48
Split copies 1 2 half left right
Pooling mean 1 1 left means 0=1 4=1
BinaryOp mul 2 1 right means product 0=2
Deconvolution up 1 1 product result 0=3 1=2 3=4 5=1 6=48
"""


def test_the_ends_the_scale_and_the_poolings_are_read(tmp_path) -> None:
    path = tmp_path / "small.param"
    path.write_text(SMALL)
    graph = read_graph(path)
    assert (graph.source, graph.sink, graph.scale) == ("data", "result", 2)
    (pool,) = graph.pools
    assert (pool.features, pool.means, pool.ratio) == ("left", "means", Fraction(1, 2))


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"nothing\.param"):
        read_graph(tmp_path / "nothing.param")


@pytest.mark.parametrize("end", range(0, SMALL.index("Deconvolution"), 7))
def test_a_file_cut_anywhere_is_refused(tmp_path, end) -> None:
    path = tmp_path / "cut.param"
    path.write_text(SMALL[:end])
    with pytest.raises(ModelError, match="damaged"):
        read_graph(path)


def test_noise_in_place_of_text_is_refused(tmp_path) -> None:
    path = tmp_path / "noise.param"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(ModelError, match="damaged"):
        read_graph(path)
