"""Transformers Workbench: builds the page as `demo` and launches it."""

import sys

from backend.settings import Settings
from ui.shell import build_page, launch

settings = Settings.read(sys.argv[1:] if __name__ == "__main__" else ())
demo = build_page(settings)

if __name__ == "__main__":
    launch(demo, settings)
