"""Starting the window where it cannot be shown."""

import os
import subprocess
import sys

import pytest

import tsuzuki.gui
from tsuzuki.errors import StorageError, TsuzukiError


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


def test_where_it_cannot_keep_anything_a_box_says_so(tmp_path):
    pytest.importorskip("PySide6.QtWidgets", reason="Qt cannot be loaded", exc_type=ImportError)
    program = """
import sys
from PySide6.QtCore import QTimer
from tsuzuki.gui import remedies
from tsuzuki.gui.__main__ import main

def show(window, error, show=remedies.show_error):
    box = show(window, error)
    print(box.informativeText())
    QTimer.singleShot(0, box.close)
    return box

remedies.show_error = show
sys.exit(main())
"""
    (tmp_path / "file").touch()
    folders = {"TSUZUKI_WINDOW_DIR": str(tmp_path / "file"), "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **folders},
    )
    assert str(tmp_path / "file") in done.stdout
    assert done.returncode == StorageError.exit_code
    assert "Traceback" not in done.stderr


def test_the_package_needs_no_qt_until_a_window_is_wanted():
    program = (
        "import sys, tsuzuki.gui, tsuzuki.gui.jobs, tsuzuki.gui.process;"
        "assert not [name for name in sys.modules if name.startswith('PySide6')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError):
        _ = tsuzuki.gui.nothing
