"""Whatever the library says is found in its source, is translated, and is known again."""

import contextlib
import re
import string
import time

import pytest

pytest.importorskip("babel", reason="babel is not installed")
pytest.importorskip("docs", reason="the documentation is not part of this tree")

from docs import texts
from docs.sentences import sentences_in

from tsuzuki import language
from tsuzuki.errors import TsuzukiError
from tsuzuki.pipeline.jobs import make_plan
from tsuzuki.pipeline.messages import MakePlan
from tsuzuki.sentences import TEMPLATES, told
from tsuzuki.settings import ProcessingSettings

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
NAMES = {"a Mac"}
"""Texts that have nothing to translate."""


@pytest.fixture
def japanese():
    language.use("ja")
    yield
    language.use("en")


@pytest.fixture
def disguised():
    language.disguise(lambda text: f"⟦{text}⟧")
    yield
    language.disguise(None)


def templates():
    return [text for text, _, _ in texts.find_sentences()]


def filled(template):
    """Return a sentence with values that are none of the library's."""
    names = [name for _, name, _, _ in string.Formatter().parse(template) if name]
    return template.format(**{name: f"/v{number}" for number, name in enumerate(names)})


def test_the_program_knows_every_sentence_of_the_source():
    assert TEMPLATES.read_bytes() == texts.sentences(), "run `python -m docs.texts`"


def test_what_others_wrote_does_not_take_long(japanese):
    for said in ("a, b: c; d. E " * 70, "Note: " + "x " * 5000):
        begin = time.process_time()
        told(said)
        assert time.process_time() - begin < 3


def test_no_two_values_stand_side_by_side():
    """Nobody could tell where one ends, and looking for it would take long."""
    assert [text for text in templates() if re.search(r"\}\{", text)] == []


def test_a_list_is_told_as_a_whole_or_not_at_all(japanese):
    known = "The video has transparency"
    assert told(f"10 bits, {known} and more; nobody has ever heard of this one") == (
        f"10 bits, {known} and more; nobody has ever heard of this one"
    )


def test_what_is_said_of_real_videos_is_japanese(japanese, media):
    notes, left = set(), set()
    settings = ProcessingSettings(device="cpu", deinterlace="off")
    for clip in media.iterdir():
        if clip.stat().st_size > 700_000:
            continue  # the smaller ones have what there is to say
        with contextlib.suppress(TsuzukiError):
            plan = make_plan(MakePlan(path=str(clip), settings=settings, output=None))
            notes |= {*plan.notes}
    assert len(notes) > 5
    for note in notes:
        shown = re.sub(r"\(.*?\)", "", told(note))  # where FFmpeg has its say
        if not JAPANESE.search(shown) or re.search(
            r"[a-z]{2,} [a-z]{2,} [a-z]{2,} [a-z]{2,}", shown
        ):
            left.add(shown)
    assert left == set()


def test_every_text_is_translated():
    assert texts.missing("ja") == []


def test_every_sentence_is_known_again_whatever_its_values_are(disguised):
    wrong = {s: told(filled(s)) for s in templates() if told(filled(s)) != f"⟦{filled(s)}⟧"}
    assert wrong == {}


def test_every_sentence_is_japanese_in_japanese(japanese):
    english = [
        text
        for text in templates()
        if not JAPANESE.search(told(filled(text))) and text not in NAMES
    ]
    assert english == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise InputError(f"No good at {x.path!r}. Try {y}.")', ["No good at {path}. Try {y}."]),
        ('raise InputError(f"{a} is {b[0]} of {len(b)}.")', ["{a} is {b} of {b2}."]),
        ('why = "it is gone" if x else f"it is at {p}"', ["it is gone", "it is at {p}"]),
        ("say(f\"Done: {'all of it' if x else 2}\")", ["Done: {value}", "all of it"]),
        ('say("There are {} and {}.".format(1, 2))', ["There are {value1} and {value2}."]),
        ("kind = 'names, such as {\"a\": 1}'", ['names, such as {{"a": 1}}']),
        ('"""Say what it is."""\ndef f():\n    "Return nothing at all."', []),
        ('tr("Looked up elsewhere")\n_log.info("Logged in English")', []),
        ('run("tsuzuki")\nCODE = "input-not-found"', []),
    ],
)
def test_sentences_are_found_in_source(source, found):
    assert [text for text, _ in sentences_in(source)] == found


def test_what_the_window_raises_and_what_sessions_warn_of_counts():
    source = 'title = "Not looked up"\nraise SettingsError("No good at all.")'
    assert sentences_in(source, errors_only=True) == [("No good at all.", 2)]
    assert sentences_in('_log.warning("%s is gone for good.", x)', warns=True) == [
        ("{value1} is gone for good.", 1)
    ]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("/a is missing", "/a がありません"),
        (
            "There is no file '/a, b. C.mp4'. Check the name, and that its disk is connected.",
            (
                "ファイル '/a, b. C.mp4' がありません。名前と、"
                "ディスクが接続されているかを確認してください。"
            ),
        ),
        (
            (
                "mp4 cannot hold the subtitle stream 3 (ass): its text subtitles have no styles. "
                "Choose mkv."
            ),
            (
                "mp4 に字幕ストリーム 3(ass)は入れられません: テキスト字幕に書式を付けられません。"
                "mkv を指定してください。"
            ),
        ),
        (
            (
                "The worker process was killed by signal 9. Its last words were: Oh. No. "
                "This happened 3 times at the same place, so the work is paused; everything "
                "finished is saved. The session's log may tell more. Run `tsuzuki resume` to try "
                "again, or `tsuzuki upscale` with another --device for a new session."
            ),
            "処理プロセスがシグナル 9 で強制終了されました。",
        ),
        ("There is no setting sclae. Did you mean scale?", "設定 sclae はありません。 もしかして"),
        ("/a/0.mkv: it is cut off", "/a/0.mkv: 途中で切れています"),
        ("h264: no answer within 5 s; av1: gone", "h264: 5 秒以内に応答がありません; av1: gone"),
        ("segment-1 has no such thing", "segment-1 has no such thing"),
        ("", ""),
    ],
)
def test_what_was_said_is_told_in_japanese(japanese, said, shown):
    assert told(said).startswith(shown)


def test_in_english_nothing_is_looked_up():
    assert told("/a is missing") == "/a is missing"


def test_what_is_said_twice_is_told_once_and_whole(japanese):
    one = "The disk has gone away. Connect it again"
    said = (
        f"/a could not be written or read (Input/output error). {one}, then run `tsuzuki resume`; "
        "everything finished before is saved."
    )
    assert told(said) == (
        "/a を読み書きできませんでした(Input/output error)。ディスクが見えなくなりました。"
        "接続し直してください。そのあと "
        "`tsuzuki resume` を実行してください。それまでに完了した分はすべて"
        "保存されています。"
    )
