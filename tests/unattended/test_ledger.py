"""What is remembered of the videos of a folder."""

import logging
import os
import sys
from pathlib import Path

import pytest

from tsuzuki.errors import SessionBusyError
from tsuzuki.unattended.ledger import Entry, Ledger

FILM = Path("/videos/film.mkv")


def entry(**changes):
    return Entry(**{"source": str(FILM), "size": 1, "mtime_ns": 2, "state": "done", **changes})


@pytest.fixture
def root(tmp_path):
    return tmp_path / "sessions"


def test_what_was_saved_is_there_the_next_time(root):
    with Ledger(root, FILM.parent) as ledger:
        ledger.save(FILM, entry(state="begun"))
        ledger.save(FILM, entry(state="failed", reason="It is none."))
    with Ledger(root, FILM.parent) as ledger:
        assert ledger.get(FILM) == entry(state="failed", reason="It is none.")
        assert ledger.of("failed") == [ledger.get(FILM)]
        assert ledger.of("begun") == []
        ledger.forget(FILM)
    with Ledger(root, FILM.parent) as ledger:
        assert ledger.get(FILM) is None


def test_folders_have_ledgers_of_their_own(root):
    with Ledger(root, FILM.parent) as one, Ledger(root, Path("/other")) as other:
        one.save(FILM, entry())
        assert other.get(FILM) is None


def test_one_watch_at_a_time(root):
    first = Ledger(root, FILM.parent)
    with pytest.raises(SessionBusyError, match="Another `tsuzuki watch`"):
        Ledger(root, FILM.parent)
    first.close()
    Ledger(root, FILM.parent).close()


def test_what_cannot_be_read_is_kept_aside_and_told(root, caplog):
    with Ledger(root, FILM.parent) as ledger:
        ledger.save(FILM, entry())
    (file,) = root.glob("watch/*/*.json")
    file.write_bytes(b"{")
    with caplog.at_level(logging.WARNING), Ledger(root, FILM.parent) as ledger:
        assert ledger.get(FILM) is None
    assert f"{file.name}.damaged-1" in caplog.text
    assert file.with_name(f"{file.name}.damaged-1").read_bytes() == b"{"


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode there")
def test_names_that_are_no_unicode(root):
    path = Path(os.fsdecode(b"/videos/\xff.mkv"))
    with Ledger(root, path.parent) as ledger:
        ledger.save(path, entry(source="/videos/\\udcff.mkv", state="failed"))
    with Ledger(root, path.parent) as ledger:
        assert ledger.get(path).state == "failed"
