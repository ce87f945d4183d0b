"""Lines of the page, whichever library writes them: JSON, with the services' fields, no secrets."""

import contextlib
import io
import json
import logging
import warnings

import pytest
from quintet_ui.logs import configure_logs
from streamlit import logger as streamlit_logger


@pytest.fixture(autouse=True)
def _former_logs():
    root = logging.getLogger()
    handlers, level, setup = root.handlers, root.level, streamlit_logger.setup_formatter
    # A former test of this process may have captured warnings, of which pytest restores one half.
    logging.captureWarnings(False)
    yield
    root.handlers, streamlit_logger.setup_formatter = handlers, setup
    root.setLevel(level)
    logging.captureWarnings(False)
    streamlit_logger.update_formatter()


def lines_of(form):
    written = io.StringIO()
    with contextlib.redirect_stderr(written):
        configure_logs("WARNING", form)
        streamlit_logger.get_logger("streamlit.known").warning("known")
        # Streamlit makes a logger when a module is first imported, which may be later.
        streamlit_logger.get_logger(f"streamlit.late.{form}").warning("late")
        logging.getLogger("uvicorn.error").warning("password=hunter22")
        logging.getLogger("quintet_ui").info("below the level")
        try:
            raise ValueError("no file")
        except ValueError:
            logging.getLogger("quintet_ui").exception("failed")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("old name", stacklevel=1)
    return written.getvalue().splitlines()


@pytest.mark.parametrize("form", ["json", "auto"])
def test_each_line_is_one_json_object_with_the_fields_of_the_services(form):
    lines = [json.loads(line) for line in lines_of(form)]
    events = [line["event"] for line in lines]
    assert events[:4] == ["known", "late", "password=[redacted]", "failed"]
    assert "old name" in events[4]
    assert len(lines) == 5
    for line in lines:
        assert list(line)[:4] == ["timestamp", "level", "service", "event"]
        assert line["service"] == "ui"
        assert line["timestamp"].endswith("Z")
    assert lines[3]["level"] == "error"
    assert "ValueError: no file" in lines[3]["exception"]


def test_the_form_for_people_has_the_level_and_the_event():
    lines = lines_of("console")
    assert lines[0].endswith("[warning] known")
    assert "ValueError: no file" in lines
