"""`python -m quintet_ui`: serves the page with Streamlit, everything from this machine."""

import sys
from pathlib import Path
from typing import Any, Final

from quintet_ui.settings import Settings, SettingsInvalid, load_settings

_PAGE: Final = Path(__file__).parent / "page.py"
_LIGHT: Final = {
    "primaryColor": "#5538d6",
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f3f1fa",
    "textColor": "#14111f",
    "linkColor": "#4a2fc4",
    "borderColor": "#cfc9e0",
}
_DARK: Final = {
    "primaryColor": "#b3a4ff",
    "backgroundColor": "#131120",
    "secondaryBackgroundColor": "#1f1c30",
    "textColor": "#f2f0fa",
    "linkColor": "#b9aaff",
    "borderColor": "#443f5e",
}


def main() -> None:
    """Serve until SIGINT or SIGTERM; exit code 2 if a setting is invalid."""
    try:
        settings = load_settings()
    except SettingsInvalid as fault:
        sys.stderr.write(f"{fault}\n")
        raise SystemExit(2) from fault
    # Imported here: an invalid setting must be reported at once, not after Streamlit's import.
    import streamlit as st
    from starlette.middleware import Middleware

    from quintet_ui.headers import SecureHeaders, content_policy, index_of_streamlit

    secured = Middleware(SecureHeaders, policy=content_policy(index_of_streamlit()))
    app = st.App(_PAGE, middleware=[secured])
    app.run(config={name.replace("_", "."): value for name, value in options_of(settings).items()})


def options_of(settings: Settings) -> dict[str, Any]:
    """Build Streamlit's options: no usage statistics, and errors without internals."""
    themes = {
        f"theme_{kind}_{name}": value
        for kind, colours in (("light", _LIGHT), ("dark", _DARK))
        for name, value in colours.items()
    }
    return {
        "server_address": settings.host,
        "server_port": settings.port,
        "server_headless": True,
        "server_fileWatcherType": "none",
        "server_runOnSave": False,
        # Otherwise Streamlit asks a server on the internet for this machine's address.
        "browser_serverAddress": settings.host,
        "browser_serverPort": settings.port,
        "browser_gatherUsageStats": False,
        "client_showErrorDetails": "none",
        "client_toolbarMode": "viewer",
        "logger_level": "warning",
        # Sliders follow the preferences, which links and presets change too.
        "global_disableWidgetStateDuplicationWarning": True,
        "theme_baseRadius": "medium",
        "theme_headingFontSizes": ["2.1rem", "1.5rem", "1.2rem"],
        **themes,
    }


if __name__ == "__main__":
    main()
