"""``python -m tsuzuki``, and the command ``tsuzuki``."""

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        from tsuzuki.cli import main as run  # noqa: PLC0415 - Ctrl-C may come while it is imported

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
