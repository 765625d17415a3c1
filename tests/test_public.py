from __future__ import annotations

import subprocess
import sys

import pytest

import tsuzuki


def test_every_public_name_is_there() -> None:
    for name in tsuzuki.__all__:
        assert getattr(tsuzuki, name) is not None
    with pytest.raises(AttributeError):
        _ = tsuzuki.nothing


def test_upscale_stays_the_function_whatever_was_imported_before() -> None:
    program = (
        "import tsuzuki.cli, tsuzuki.upscaling, tsuzuki.pipeline, tsuzuki;"
        "assert callable(tsuzuki.upscale) and callable(tsuzuki.resume)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_importing_the_package_is_light() -> None:
    program = (
        "import sys, tsuzuki;"
        "assert not {'av', 'ncnn', 'numpy', 'msgspec'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_runs_the_workers_does_without_what_they_compute_with() -> None:
    program = (
        "import sys, tsuzuki.cli.run;"
        "assert not {'av', 'ncnn', 'numpy'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
