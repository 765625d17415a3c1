import pytest

from tsuzuki.cli import options
from tsuzuki.errors import SettingsError
from tsuzuki.gui.jobs import JobStore, new_job
from tsuzuki.gui.preferences import (
    Preferences,
    PreferencesStore,
    export_presets,
    import_presets,
    together,
)
from tsuzuki.settings import ProcessingSettings

FAST = ProcessingSettings(quality="Fast", noise_reduction=-1)


def test_a_job_is_the_command_that_does_it():
    words = new_job("/v/-a.mp4", FAST, output="/out").words()
    assert words[0] == "upscale"
    assert words[-2:] == ["--", "/v/-a.mp4"]
    assert words[words.index("--noise-reduction") + 1] == "-1"
    assert words[words.index("-o") + 1] == "/out"
    assert "resume" in words
    again = new_job("/v/a.mp4", FAST, session_id="0123456789ab", accept_suspicious=(3, 7)).words()
    assert again[0] == "resume"
    assert again[-1] == "0123456789ab"
    assert again.count("--accept-suspicious") == 2


def test_every_option_of_a_job_is_one_of_the_command(child_help):
    job = new_job(
        "/v/a.mp4",
        FAST,
        output="/o",
        accept_changes=True,
        accept_damage=True,
        overwrite=True,
        accept_suspicious=(1,),
        sessions_dir="/s",
        sync="/store",
        take_over=True,
        allow_sleep=True,
    )
    assert {"--sync", "--take-over", "--allow-sleep"} < set(job.words())
    assert "--take-over" not in new_job("/v", FAST, take_over=True).words()
    for words in (job.words(), new_job("/v", FAST, session_id="0" * 12, tile_size=64).words()):
        known = child_help(words[0])
        assert all(word in known for word in words if word.startswith("--") and len(word) > 2)


@pytest.fixture
def child_help():
    import typer.main

    from tsuzuki.cli import app

    commands = typer.main.get_command(app).commands

    def names(command):
        return {name for parameter in commands[command].params for name in parameter.opts}

    return names


def test_jobs_come_back_in_order(tmp_path):
    store = JobStore(tmp_path / "w")
    import msgspec

    jobs = [msgspec.structs.replace(new_job(f"/v/{n}.mp4", FAST), number=n) for n in (2, 1, 3)]
    for job in jobs:
        store.save(job)
    (tmp_path / "w" / "damaged.json").write_text("{")
    (tmp_path / "w" / "0123456789ab.json").write_bytes(
        (tmp_path / "w" / f"{jobs[0].id}.json").read_bytes()
    )
    assert [job.number for job in JobStore(tmp_path / "w").load()] == [1, 2, 3]
    store.remove(jobs[0].id)
    assert len(store.load()) == 2
    assert (tmp_path / "w" / "damaged.json").exists()


def test_preferences_are_remembered_and_damaged_ones_set_aside(tmp_path):
    path = tmp_path / "p" / "window.json"
    store = PreferencesStore(path)
    store.change(language="ja", settings=FAST.to_dict())
    assert store.is_changed
    store.save()
    assert not store.is_changed
    again = PreferencesStore(path)
    assert again.present.language == "ja"
    assert again.settings == FAST
    path.write_text("not json")
    assert PreferencesStore(path).present == Preferences()
    assert path.with_name("window.json.damaged-1").exists()


def test_settings_that_no_longer_exist_do_not_keep_the_window_from_opening(tmp_path):
    path = tmp_path / "window.json"
    path.write_text('{"settings": {"gone": 1}, "unknown": 2}')
    assert PreferencesStore(path).settings == ProcessingSettings()


def test_presets_travel_in_a_file(tmp_path):
    file = tmp_path / "presets.json"
    export_presets(file, {"アニメ": FAST.to_dict()})
    assert import_presets(file) == {"アニメ": FAST.to_dict()}
    for wrong in (b"{}", b"[", b'{"format": "tsuzuki-presets", "version": 9, "presets": {}}'):
        file.write_bytes(wrong)
        with pytest.raises(SettingsError, match="holds no presets"):
            import_presets(file)
    file.write_text('{"format": "tsuzuki-presets", "version": 1, "presets": {"a": {"crf": 99}}}')
    with pytest.raises(SettingsError, match="crf"):
        import_presets(file)


def test_presets_that_are_added_take_the_place_of_none_and_are_not_too_many():
    mine, other = FAST.to_dict(), ProcessingSettings().to_dict()
    found = together({"a": mine}, {"a": other, "b": mine})
    assert found == {"a": mine, "a (2)": other, "b": mine}
    assert together(found, {"a": other, "b": mine}) == found
    with pytest.raises(SettingsError, match="too many"):
        together(found, {f"{number}": mine for number in range(998)})


def test_a_name_that_is_no_unicode_is_not_kept_and_does_no_harm(tmp_path):
    store = PreferencesStore(tmp_path / "window.json")
    store.change(last_folder="/v/\udcff")
    store.save()
    assert not store.path.exists()
    store.change(last_folder="/v")
    store.save()
    assert PreferencesStore(store.path).present.last_folder == "/v"


def test_the_purposes_of_the_command_line_are_those_of_the_window():
    from tsuzuki.purposes import PURPOSES

    assert options.PURPOSES is PURPOSES
