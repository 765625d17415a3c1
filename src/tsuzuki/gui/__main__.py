"""``python -m tsuzuki.gui``, and the program ``tsuzuki-gui``."""

import sys


def main() -> int:
    """Show the window."""
    from tsuzuki.errors import TsuzukiError  # noqa: PLC0415 - Ctrl-C may come while importing
    from tsuzuki.gui import main as show  # noqa: PLC0415
    from tsuzuki.sentences import told  # noqa: PLC0415

    try:
        return show(tuple(sys.argv[1:]))
    except TsuzukiError as error:
        if sys.stderr is not None:
            sys.stderr.write(f"{told(error.message)}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
