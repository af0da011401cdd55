"""``python -m heartbeat_clf``: the command line."""

from __future__ import annotations

import sys

from heartbeat_clf.cli import main

if __name__ == "__main__":
    sys.exit(main())
