"""The tour "Train on my CSV": its steps in order, and the script that walks a person through them."""

from __future__ import annotations

import json

from backend.texts import LOCALES
from ui.text import say
from ui.theme import ASSETS

# (tab, elem_id of what the step is about): text tour.{number}.title and tour.{number}.text.
STEPS = (
    ("datasets", "datasets-upload"),
    ("datasets", "use-for-training"),
    ("finetune", "finetune-columns"),
    ("finetune", "finetune-presets"),
    ("finetune", "start-training"),
    ("finetune", "try-it"),
)


def head() -> str:
    """The tour's script with its texts in both languages, for launch(head=...)."""
    words = ("offer.title", "offer.text", "begin", "later", "next", "back", "finish", "skip", "step")
    texts = {
        locale: {
            "words": {word: say(f"tour.{word}", locale) for word in words},
            "steps": [
                {
                    "tab": tab,
                    "target": target,
                    "title": say(f"tour.{number}.title", locale),
                    "text": say(f"tour.{number}.text", locale),
                }
                for number, (tab, target) in enumerate(STEPS, start=1)
            ],
        }
        for locale in LOCALES
    }
    data = json.dumps(texts, ensure_ascii=False).replace("</", "<\\/")
    return f"<script>const tourTexts = {data};\n{(ASSETS / 'tour.js').read_text(encoding='utf-8')}</script>"
