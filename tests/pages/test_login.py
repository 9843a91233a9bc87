"""Where a login is configured nothing is shown before it; where none is, nothing asks for one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRETS = """
[auth]
redirect_uri = "http://localhost:8501/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "lga"
client_secret = "secret"
server_metadata_url = "https://login.example/.well-known/openid-configuration"
"""
PROGRAM = """
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file(sys.argv[1] + "/pages/dashboard.py", default_timeout=100).run()
assert not app.exception
print(*(item.key for kind in (app.button, app.selectbox, app.text_input) for item in kind))
"""


@pytest.mark.parametrize("secrets", [SECRETS, ""], ids=["login", "no login"])
def test_nothing_is_drawn_before_the_login(secrets, tmp_path):
    """In a process of its own: Streamlit reads its secrets once."""
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(secrets)
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM, ROOT],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LGA_HOME": str(tmp_path), "LGA_OFFLINE": "1"},
        text=True,
        check=True,
        capture_output=True,
    ).stdout.split()
    assert shown == ["log_in"] if secrets else "log_in" not in shown and "model" in shown
