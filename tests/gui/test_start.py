"""Starting the window where it cannot be shown."""

import subprocess
import sys

import pytest

import tsuzuki.gui
from tsuzuki.errors import TsuzukiError


def test_without_qt_it_is_said_what_to_install():
    program = (
        "import sys; sys.modules['PySide6'] = None;"
        "from tsuzuki.cli import main; sys.exit(main(['gui']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.returncode == TsuzukiError.exit_code
    assert "pip install '.[gui]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_program_of_the_window_says_the_same():
    program = (
        "import sys; sys.modules['PySide6'] = None;"
        "from tsuzuki.gui.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.returncode == TsuzukiError.exit_code
    assert "Traceback" not in done.stderr


def test_the_package_needs_no_qt_until_a_window_is_wanted():
    program = (
        "import sys, tsuzuki.gui, tsuzuki.gui.jobs, tsuzuki.gui.process;"
        "assert not [name for name in sys.modules if name.startswith('PySide6')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError):
        _ = tsuzuki.gui.nothing
