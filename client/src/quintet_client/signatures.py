"""Turns the builder of a call into a method of a client, signature and text included."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

MethodT = TypeVar("MethodT", bound=Callable[..., Any])


def as_method(build: Callable[..., Any], method: MethodT, doing: str = "") -> MethodT:
    """Returns a method named, documented and signed like a builder.

    Args:
        build: A function of `quintet_client.calls`.
        method: What calls it; its first parameter is the client.
        doing: What stands before the builder's text.
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
