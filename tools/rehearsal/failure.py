"""Why a rehearsal ends early."""


class RehearsalFailed(Exception):
    """The rehearsal cannot go on, or did not show what it should; one line for the terminal."""
