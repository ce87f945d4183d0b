"""`python -m quintet_ui`: serves the page with Streamlit, everything from this machine."""

import os
import sys
from typing import Any, Final

from quintet_access.rules import Auth, ExposedWithoutAuth, require_auth_when_exposed

from quintet_ui.settings import Settings, SettingsInvalid, load_settings

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


def main() -> int:
    """Serve until SIGINT or SIGTERM.

    Returns:
        0, or 2 with one line on standard error if a setting is wrong or the port is in use.
    """
    # Files for the owner only; the page itself writes none, its libraries may.
    os.umask(0o077)
    try:
        settings = load_settings()
        require_auth_when_exposed(Auth(settings.auth), settings.host)
    except (SettingsInvalid, ExposedWithoutAuth) as fault:
        sys.stderr.write(f"error: {fault}\n")
        return 2
    # Imported here: an invalid setting must be reported at once, not after Streamlit's import.
    from quintet_ui.server import serve

    return serve(settings, options_of(settings))


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
        # Each stated, so that no configuration file of Streamlit opens what the guard relies on.
        "server_enableCORS": True,
        "server_enableXsrfProtection": True,
        "server_enableStaticServing": False,
        "server_enableAgentApi": False,
        "server_maxUploadSize": 1,
        "server_maxWidgetStateSize": 1,
        "client_allowedOrigins": [],
        "client_showErrorDetails": "none",
        "client_toolbarMode": "viewer",
        # Streamlit would search all objects of the process for cycles after each run, which took
        # two thirds of the time of a pick. Python's collector does it when it is due.
        "runner_postScriptGC": False,
        "logger_level": settings.log_level.lower(),
        # Sliders follow the preferences, which links and presets change too.
        "global_disableWidgetStateDuplicationWarning": True,
        "theme_baseRadius": "medium",
        "theme_headingFontSizes": ["2.1rem", "1.5rem", "1.2rem"],
        **themes,
    }


if __name__ == "__main__":
    sys.exit(main())
