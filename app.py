"""The dashboard: `streamlit run app.py`.

What the first view needs is imported here, so that it is there when the server begins to answer.
"""

import importlib

import streamlit as st

importlib.import_module("pages._ui.frame.navigation")
importlib.import_module("pages._ui.scoring.results")
app = st.App("pages/dashboard.py")
