"""How long tests of the page wait for what a browser or a service does."""

WAIT_SECONDS = 90.0
"""A machine that runs other programs draws a page slowly; a wait that succeeds costs nothing."""
WAIT_MS = 1000 * WAIT_SECONDS


def patient_context(browser, **options):
    """Opens a context of a browser, whose pages wait for as long as all tests here do."""
    context = browser.new_context(**options)
    context.set_default_timeout(WAIT_MS)
    return context
