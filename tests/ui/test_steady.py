"""A page's widgets and events may change while Gradio goes through them, and while a question is on its way."""

from __future__ import annotations

import gradio as gr
from fastapi.testclient import TestClient
from gradio.state_holder import SessionState

from ui import steady


def test_a_page_s_widgets_may_grow_while_somebody_goes_through_them() -> None:
    steady.mend()
    steady.mend()
    with gr.Blocks() as page:
        gr.Textbox().change(print)
        gr.Textbox()
    state = SessionState(page)
    for table in (state.blocks_config.blocks, state.blocks_config.fns):
        before, seen = len(table), 0
        for key, (other, value) in zip(table, table.items(), strict=True):
            assert key == other and table[key] is value
            table[-1 - key] = value
            seen += 1
        assert seen == before and len(table) == 2 * before
        # What is walked by its values goes on with what was there, too.
        for seen, value in enumerate(table.values(), 1):
            table[1000 + seen] = value
        assert seen == 2 * before
    # The page that others are opened from stays as it was.
    assert len(page.blocks) < len(state.blocks_config.blocks)


def test_a_page_is_opened_without_a_description_of_each_widget_and_gets_that_of_one_which_changes() -> None:
    steady.mend()
    with gr.Blocks() as page:
        box, other = gr.Textbox("one"), gr.Textbox("two")
    state = SessionState(page)
    assert state[box._id] is box and other._id in state and not state.config_values
    state._update_value_in_config(box._id, "three")
    assert list(state.config_values) == [box._id] and state.config_values[box._id]["props"]["value"] == "three"


def test_a_question_of_a_form_that_made_room_for_another_is_dropped() -> None:
    steady.mend()
    with gr.Blocks() as page:
        gr.Button().click(lambda: None)
    client = TestClient(gr.routes.App.create_app(page))
    asked = {"data": [], "fn_index": 99, "session_hash": "one"}
    dropped = client.post("/gradio_api/queue/join", json=asked)
    assert dropped.status_code == 422 and dropped.json() == {"detail": []}
    assert client.post("/gradio_api/queue/join", json=asked | {"fn_index": 0}).status_code == 200
