"""``python -m tsuzuki``."""

import sys

from tsuzuki.cli import main

if __name__ == "__main__":
    sys.exit(main())
