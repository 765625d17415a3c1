"""Folders that appear as a whole, and never in place of what is not to be replaced."""

from __future__ import annotations

import pytest

from tsuzuki.durable import Durable, PendingFolder, sha256_of_folder
from tsuzuki.durable.port import usual_mode

OWNER = "0123456789ab"


def held(folder):
    return sorted(path.name for path in folder.iterdir())


def pending(target, durable=None, names=("1.png", "2.png")):
    with PendingFolder(target, OWNER, durable) as folder:
        for name in names:
            folder.add(name, name.encode())
        assert folder.finish() == 5 * len(names)
    return folder


def test_nothing_has_the_name_until_it_is_published(tmp_path, durable):
    target = tmp_path / "out"
    folder = pending(target, durable)
    assert not target.exists()
    assert durable.publish_folder(folder.path, target)
    assert held(target) == ["1.png", "2.png"]
    assert (target / "1.png").read_bytes() == b"1.png"
    assert (target / "1.png").stat().st_mode & 0o777 == usual_mode()
    assert target.stat().st_mode & 0o444 == usual_mode() & 0o444


def test_every_name_is_flushed_before_the_folder_gets_its_own(tmp_path, port, durable):
    target = tmp_path / "out"
    folder = pending(target, durable)
    durable.publish_folder(folder.path, target)
    names = [call[0] if isinstance(call, tuple) else call for call in port.calls]
    assert names.count("fsync") == 2
    assert names.index("rename_new") > names.index("fsync_folder")
    assert names[-1] == "fsync_folder"


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError), PendingFolder(tmp_path / "out", OWNER) as folder:
        folder.add("1.png", (tmp_path / "missing").read_bytes())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("before", "replace", "published"),
    [(None, False, True), ([], False, True), (["a"], False, False), (["a"], True, True)],
)
def test_what_gives_way(tmp_path, before, replace, published):
    target = tmp_path / "out"
    if before is not None:
        target.mkdir()
        for name in before:
            (target / name).write_bytes(b"old")
    folder = pending(target)
    assert Durable().publish_folder(folder.path, target, replace=replace) is published
    assert held(target) == (["1.png", "2.png"] if published else before)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_dead_process_left_is_removed(tmp_path):
    target = tmp_path / "out"
    pending(target)
    pending(target)
    assert Durable().remove_temporaries_of(target, OWNER) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", ["content", "name", "more", "less", "link"])
def test_any_change_is_another_digest(tmp_path, change):
    folder = pending(tmp_path / "out").path
    before = sha256_of_folder(folder)
    assert before[0] == 10
    assert sha256_of_folder(folder) == before
    match change:
        case "content":
            (folder / "1.png").write_bytes(b"2.png")
        case "name":
            (folder / "1.png").rename(folder / "0.png")
        case "more":
            (folder / "3.png").write_bytes(b"")
        case "less":
            (folder / "2.png").unlink()
        case _:
            (folder / "2.png").rename(tmp_path / "2.png")
            (folder / "2.png").symlink_to(tmp_path / "2.png")
    assert sha256_of_folder(folder) != before
