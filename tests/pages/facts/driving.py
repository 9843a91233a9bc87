"""How the tests of the facts page drive it: views, the chosen set, tables and what the browser sends for them."""

import json

from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from tests.pages.driving import kept, upload


def open_page(app: AppTest, view: str | None = None) -> AppTest:
    app.switch_page("facts.py").run()
    return show(app, view) if view else app


def show(app: AppTest, view: str) -> AppTest:
    return app.segmented_control(key="facts_view").set_value(view).run()


def use(app: AppTest, name: str, content: bytes) -> None:
    upload(app, name, content)
    app.button(key="use_upload").click().run()


def chosen(app: AppTest):
    """The set that the sidebar shows."""
    return kept(app).sets[app.selectbox(key="facts").value]


def frame(app: AppTest, column: str):
    return next(item.value for item in app.dataframe if column in item.value.columns)


def change(app: AppTest, edits: dict) -> AppTest:
    """What the browser sends when cells of the editable table are changed."""
    states = app._tree.get_widget_states()
    states.widgets.append(
        WidgetState(
            id=app.data_editor[0].proto.id,
            string_value=json.dumps({"edited_rows": {}, "added_rows": [], "deleted_rows": []} | edits),
        )
    )
    return app._run(states)


def tick(app: AppTest, column: str, row: int) -> AppTest:
    """What the browser sends when the row of the table with that column is ticked."""
    table = next(item for item in app.dataframe if column in item.value.columns)
    states = app._tree.get_widget_states()
    states.widgets.append(
        WidgetState(
            id=table.proto.id, string_value=json.dumps({"selection": {"rows": [row], "columns": [], "cells": []}})
        )
    )
    return app._run(states)
