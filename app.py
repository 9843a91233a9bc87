"""The dashboard: `streamlit run app.py`.

What the first view needs is imported here, so that it is there when the server begins to answer.
"""

import importlib

import streamlit as st
from starlette.middleware import Middleware

from pages._ui.frame.document import Document
from pages._ui.frame.no_delay import no_delay
from pages._ui.shell.progress_feed import ROUTE

importlib.import_module("pages._ui.frame.navigation")
importlib.import_module("pages._ui.scoring.results")
app = st.App("pages/dashboard.py", lifespan=no_delay, middleware=[Middleware(Document)], routes=[ROUTE])
