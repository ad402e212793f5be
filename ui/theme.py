"""Colours, type and space of the page (look and feel), as a Gradio theme, one style sheet and the head script."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.themes.utils import sizes
from gradio.themes.utils.colors import Color
from gradio.themes.utils.fonts import LocalFont

ASSETS = Path(__file__).resolve().parent.parent / "assets"
CHINESE = ["Noto Sans SC", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC"]


def _color(name: str, shades: str) -> Color:
    steps = ("c50", "c100", "c200", "c300", "c400", "c500", "c600", "c700", "c800", "c900", "c950")
    return Color(**{step: f"#{shade}" for step, shade in zip(steps, shades.split(), strict=True)}, name=name)


PETROL = _color("petrol", "EAF5F5 D3EAEB A9D5D7 7FC6C9 45A3A8 1B868C 0A6C74 08585F 07464B 06373B 04262A")
INK = _color("ink", "F6F8F9 EDF1F3 DAE0E5 BEC7CE 87929D 66727E 4B5762 35404A 222C35 161D23 0E1418")


def theme() -> gr.themes.Base:
    """The theme: petrol accent on cool greys, hairlines instead of boxes, one height for all controls."""
    base = gr.themes.Base(
        primary_hue=PETROL,
        secondary_hue=PETROL,
        neutral_hue=INK,
        text_size=sizes.Size("11px", "12px", "13px", "15px", "17px", "21px", "30px", name="text"),
        spacing_size=sizes.Size("2px", "4px", "6px", "8px", "12px", "16px", "24px", name="spacing"),
        radius_size=sizes.Size("2px", "3px", "4px", "6px", "8px", "10px", "12px", name="radius"),
        font=[LocalFont("IBM Plex Sans", weights=(400, 700)), *CHINESE, "system-ui", "sans-serif"],
        font_mono=[LocalFont("IBM Plex Mono", weights=(400, 700)), *CHINESE, "monospace"],
    )
    plain = dict.fromkeys(
        ("block_background_fill", "panel_background_fill", "block_label_background_fill",
         "checkbox_label_background_fill", "checkbox_label_background_fill_hover",
         "checkbox_label_background_fill_selected"),
        "transparent",
    )  # fmt: skip
    no_width = dict.fromkeys(
        ("block_border_width", "panel_border_width", "block_label_border_width", "block_padding", "form_gap_width",
         "checkbox_label_border_width"),
        "0px",
    )  # fmt: skip
    no_shadow = dict.fromkeys(
        ("block_shadow", "input_shadow", "checkbox_label_shadow", "button_primary_shadow", "button_secondary_shadow",
         "button_primary_shadow_hover", "button_secondary_shadow_hover", "button_primary_shadow_active",
         "button_secondary_shadow_active"),
        "none",
    )  # fmt: skip
    titles = {
        f"block_{part}_{name}": value
        for part in ("title", "label")
        for name, value in (
            ("text_size", "*text_sm"),
            ("text_weight", "600"),
            ("text_color", "*body_text_color_subdued"),
            ("text_color_dark", "*body_text_color_subdued"),
        )
    }
    dark = {f"{name}_dark": value for name, value in plain.items()}
    return base.set(
        **plain, **dark, **no_width, **no_shadow, **titles,
        body_background_fill="#F6F8F9", body_background_fill_dark="#0E1418",
        body_text_color="#17212B", body_text_color_dark="#E6ECEF",
        body_text_color_subdued="#55626E", body_text_color_subdued_dark="#9CAAB4",
        background_fill_primary="#FFFFFF", background_fill_primary_dark="#161D23",
        background_fill_secondary="#EDF1F3", background_fill_secondary_dark="#1E272E",
        border_color_primary="#DAE0E5", border_color_primary_dark="#2A353E",
        input_background_fill="#FFFFFF", input_background_fill_dark="#161D23",
        input_border_color="#87929D", input_border_color_dark="#66727E",
        input_placeholder_color="#66727E", input_placeholder_color_dark="#8D9AA5",
        input_padding="10px 12px", input_border_width="1px", input_radius="*radius_md",
        input_border_color_focus="#0A6C74", input_border_color_focus_dark="#7FC6C9",
        input_shadow_focus="0 0 0 3px #0A6C7433", input_shadow_focus_dark="0 0 0 3px #7FC6C940",
        button_large_padding="9px 18px", button_large_text_size="*text_md", button_large_text_weight="600",
        button_primary_background_fill="#0A6C74", button_primary_background_fill_hover="#08585F",
        button_primary_background_fill_dark="*primary_300", button_primary_background_fill_hover_dark="*primary_200",
        button_primary_text_color="#FFFFFF", button_primary_text_color_dark="#04262A",
        button_secondary_background_fill="#FFFFFF", button_secondary_background_fill_dark="#1E272E",
        button_secondary_background_fill_hover="#EDF1F3", button_secondary_background_fill_hover_dark="#2A353E",
        button_secondary_border_color="#BEC7CE", button_secondary_border_color_dark="#35404A",
        button_border_width="1px", button_primary_border_color="transparent",
        checkbox_label_padding="6px 8px", layout_gap="16px", section_header_text_weight="600",
        link_text_color="#0A6C74", link_text_color_dark="#7FC6C9",
    )  # fmt: skip


def css() -> str:
    """All style sheets in one string: assets/theme.css, then those of the tabs."""
    sheets = [ASSETS / "theme.css", *sorted((ASSETS / "css").glob("*.css"))]
    return "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)


def head() -> str:
    """Variables of both colour schemes. They cannot live in css=, which Gradio rewrites rule by rule."""
    return f"<style>{(ASSETS / 'variables.css').read_text(encoding='utf-8')}</style>"


def early_script(app: str) -> str:
    """Runs before Gradio does: a mend of how it asks the app, stored language and colours, the visitor, the address.

    app: a name of this process, which the page says with each question.
    """
    scripts = [(ASSETS / name).read_text(encoding="utf-8") for name in ("asking.js", "early.js", "address.js")]
    return f'<script data-app="{app}">{"".join(scripts)}</script>'
