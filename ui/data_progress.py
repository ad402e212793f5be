"""What stands above the table while a file travels here and while it is read."""

from __future__ import annotations

import html

from ui.text import say

# Gradio says nothing while the Upload button's files travel; the event comes when they have arrived.
UPLOADING_JS = """
const box = () => element.querySelector('.uploading');
const ends = '#datasets-notice .reading, #datasets-notice .error-card, .toast-body.error';
const ended = () => document.querySelector(ends);
new MutationObserver(() => { if (box() && !box().hidden && ended()) box().hidden = true; })
  .observe(document.body, {childList: true, subtree: true});
document.addEventListener('change', event => {
  const files = event.target.matches('.data-toolbar input[type=file]') ? [...event.target.files] : [];
  if (!files.length || !box()) return;
  const size = (files.reduce((sum, file) => sum + file.size, 0) / 1e6).toFixed(1);
  const name = files.map(file => file.name).join(', ').slice(0, 80);
  box().querySelector('p').textContent = box().dataset.say.replace('{size}', size).replace('{file}', name);
  box().hidden = false;
});
"""
UPLOADED_JS = "() => { document.querySelector('#datasets-uploading .uploading').hidden = true; }"


def uploading(locale: str) -> str:
    """What stands above the table while a file travels here; shown and filled by UPLOADING_JS."""
    words = html.escape(say("datasets.uploading", locale, file="{file}", size="{size}"), quote=True)
    return (
        f'<div class="reading uploading" role="status" hidden data-say="{words}"><p></p>'
        '<span class="bar busy"><i></i></span></div>'
    )


def reading(file: str, share: float | None, locale: str) -> str:
    """What stands above the table while a file is read. share: part of 1, None when it cannot be told."""
    words = html.escape(say("datasets.reading", locale, file=file))
    bar = (
        f'<span class="bar"><i style="width:{share:.0%}"></i></span>'
        if share is not None
        else '<span class="bar busy"><i></i></span>'
    )
    return f'<div class="reading" role="status"><p>{words}</p>{bar}</div>'
