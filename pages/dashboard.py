"""What every visitor gets, whatever page the address asks for: the frame, the sidebar and that page in it."""

from pathlib import Path

import streamlit as st

from pages._ui.frame import navigation
from pages._ui.frame.login import may_enter, require_login
from pages._ui.frame.sidebar import sidebar
from pages._ui.shell.errors import boxed

ICON = Path(__file__).parents[1] / "assets" / "theme" / "icon.png"

st.set_page_config(page_title="Golden layers", page_icon=str(ICON), layout="wide")
page = navigation.chosen_page(listed=may_enter())
require_login()
with boxed("The sidebar"):
    sidebar()
with boxed("The frame"):
    navigation.run(page)
