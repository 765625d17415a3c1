"""The pages that scripts have written say what the scripts would."""

from pathlib import Path

from docs.promises import PAGE, PROMISES, promises
from docs.results import HEAD, written
from docs.results import PAGE as RESULTS
from tests.media.comparing import ASPECTS, EXPLAINED

TESTS = Path(__file__).parent


def test_every_promise_names_tests_that_there_are() -> None:
    for tests in PROMISES.values():
        for test in tests.split():
            assert (TESTS / test).is_file()


def test_the_page_has_every_promise() -> None:
    assert promises() in PAGE.read_text(encoding="utf-8")


def test_every_result_holds_or_is_explained_and_nothing_else_is_explained() -> None:
    """What a comparison passes over has its name in the table, and each name its explanation."""
    text = RESULTS.read_text(encoding="utf-8")
    rows = list(written())
    assert text.startswith(HEAD)
    assert f"{len(rows)} clips; no difference." in text
    assert {len(row.cells) for row in rows} == {len(ASPECTS)}
    assert {name for row in rows for name in row.otherwise} == set(EXPLAINED)
    for row in rows:
        refused = row.output.startswith("refused")
        assert row.ok
        assert refused == (not any(row.cells))
        assert not refused or row.notes, f"why {row.name} is refused is not told"
        assert ("container" in row.otherwise) == ("The output is " in row.notes)
        assert ("clock" in row.otherwise) == row.output.endswith(" s")
