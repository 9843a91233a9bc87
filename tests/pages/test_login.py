"""Where a login is configured, rightly or wrongly, nothing is shown before it; where none is, nothing asks for one."""

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
EMPTY = "[auth]"  # the button is there, and pressing it says what is missing
PROGRAM = """
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file(sys.argv[1] + "/pages/dashboard.py", default_timeout=900).run()
assert not app.exception
if sys.argv[2] == "press":
    app.button("log_in").click().run()
    assert app.error and not app.exception
print(*(item.key for kind in (app.button, app.selectbox, app.text_input) for item in kind))
"""


@pytest.mark.parametrize(
    ("secrets", "drawn"),
    [(SECRETS, ["log_in"]), (EMPTY, ["log_in"]), (SECRETS.replace("]", ""), []), ("", None)],
    ids=["login", "empty section", "damaged", "no login"],
)
def test_nothing_is_drawn_before_the_login(secrets, drawn, tmp_path):
    """In a process of its own: Streamlit reads its secrets once."""
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(secrets)
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM, ROOT, "press" if secrets == EMPTY else ""],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LGA_HOME": str(tmp_path), "LGA_OFFLINE": "1"},
        text=True,
        check=True,
        capture_output=True,
    ).stdout.split()
    if drawn is None:
        assert "model" in shown and not {"log_in", "log_out"} & set(shown)
    else:
        assert shown == drawn
