"""Builders of calls as methods of a client, with their signatures and docstrings."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

MethodT = TypeVar("MethodT", bound=Callable[..., Any])


def as_method(build: Callable[..., Any], method: MethodT, doing: str = "") -> MethodT:
    """Give a method the name, docstring and signature of a builder.

    Args:
        build: A function of `quintet_client.calls`.
        method: What calls it; its first parameter is the client.
        doing: Text to put before the builder's docstring.
    """
    shown = inspect.signature(build)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    facts: Any = method
    facts.__signature__ = shown.replace(
        parameters=[own, *shown.parameters.values()], return_annotation=inspect.Signature.empty
    )
    facts.__name__ = build.__name__
    facts.__doc__ = f"{doing}{build.__doc__}"
    return method
