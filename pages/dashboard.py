"""What every visitor gets, whatever page the address asks for: the frame, the sidebar and that page in it."""

from pathlib import Path

import streamlit as st

from pages._ui.shell import frame
from pages._ui.shell.errors import boxed
from pages._ui.shell.login import require_login
from pages._ui.shell.sidebar import sidebar

ICON = Path(__file__).parents[1] / "assets" / "theme" / "icon.png"

st.set_page_config(page_title="Golden layers", page_icon=str(ICON), layout="wide")
page = frame.navigation()
require_login()
with boxed("The sidebar"):
    sidebar()
with boxed("The frame"):
    frame.run(page)
