"""The pages that scripts have written say what the scripts would."""

from pathlib import Path

from docs.promises import PAGE, PROMISES, promises

TESTS = Path(__file__).parent


def test_every_promise_names_tests_that_there_are() -> None:
    for tests in PROMISES.values():
        for test in tests.split():
            assert (TESTS / test).is_file()


def test_the_page_has_every_promise() -> None:
    assert promises() in PAGE.read_text(encoding="utf-8")
