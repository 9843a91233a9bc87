"""A login before anything is drawn, where .streamlit/secrets.toml has a section [auth]: Streamlit's own OIDC."""

import streamlit as st


def require_login() -> None:
    """Ends the script with a button to log in. Nothing is asked where no login is configured."""
    if st.user.to_dict().get("is_logged_in", True):
        return
    st.header("Golden layers")
    st.caption("This server asks who you are.")
    st.button("Log in", key="log_in", type="primary", icon=":material/login:", on_click=st.login)
    st.stop()
