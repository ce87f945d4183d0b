"""Plotly, imported whole before a figure is made.

Streamlit runs each visitor's page in a separate thread. While one thread imports pandas, as
tables need it, Plotly in another thread would find pandas half imported, and fail. So the modules
that make figures take Plotly from here: Python lets other threads wait until this import is done.
"""

import pandas  # noqa: F401
import plotly.graph_objects as go  # type: ignore[import-untyped]
import plotly.tools  # type: ignore[import-untyped]  # noqa: F401

__all__ = ["go"]
