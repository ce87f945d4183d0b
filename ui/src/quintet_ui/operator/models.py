"""Models of the registry: list, compare, promote and roll back."""

from collections.abc import Callable, Mapping
from typing import Final

import streamlit as st
from quintet_client.models import ModelRequest, RegisteredModel, RegisteredModels

from quintet_ui.alerts import show_fault
from quintet_ui.faults import GatewayFault
from quintet_ui.operator.access import ask
from quintet_ui.operator.markup import Tone, show_rows
from quintet_ui.operator.state import QUALITY, SEEDS
from quintet_ui.operator.text import NOTHING, moment, number
from quintet_ui.plain import code
from quintet_ui.translations import Translations

_TONES: Final[dict[str, Tone]] = {
    "done": "good",
    "failed": "bad",
    "running": "warn",
    "queued": "plain",
}
_CHAMPION: Final = "champion"
_ENDS: Final = (".lower", ".upper")


def models(texts: Translations) -> None:
    """Show the registry's models, the difference of two, and the buttons that change which serves.

    Raises:
        GatewayFault: The gateway did not answer, or denies it.
    """
    found = ask(lambda to: to.registered_models())
    st.header(texts("operator.models"))
    if found.registry != "up":
        st.info(texts(f"operator.registry.{found.registry}"), icon=":material/info:")
    if found.models:
        st.table([_row(each, texts) for each in found.models])
        st.caption(texts("operator.quality_help"))
        _compare(found, texts)
        if found.registry == "up":
            _change(found, texts)
    elif found.registry == "up":
        st.caption(texts("operator.no_models"))
    _requests(found, texts)


def _row(model: RegisteredModel, texts: Translations) -> dict[str, str]:
    columns = {
        texts("operator.number"): model.number,
        texts("operator.model"): code(model.model),
        texts("operator.aliases"): ", ".join(map(code, filter(None, model.aliases))) or NOTHING,
        texts("operator.registered"): moment(model.create_time),
        texts("operator.promoted"): moment(model.promote_time) if model.promote_time else NOTHING,
    }
    for name in QUALITY[:3]:
        value = model.metrics.get(f"{name}.{SEEDS}")
        columns[texts(f"operator.metric_of.{name}")] = NOTHING if value is None else number(value)
    return columns


def _compare(found: RegisteredModels, texts: Translations) -> None:
    """Show the metrics of two models side by side."""
    if len(found.models) < 2:
        return
    st.subheader(texts("operator.compare"))
    names = {each.number: _named(each) for each in found.models}
    numbers = list(names)
    champion = next((m.number for m in found.models if _CHAMPION in m.aliases), numbers[-1])
    other = next(each for each in numbers if each != champion)
    left, right = st.columns(2)
    one = left.selectbox(
        texts("operator.left"), numbers, numbers.index(champion), names.__getitem__, key="left"
    )
    two = right.selectbox(
        texts("operator.right"), numbers, numbers.index(other), names.__getitem__, key="right"
    )
    metrics = {each.number: each.metrics for each in found.models}
    rows = difference_rows(metrics[one], metrics[two], texts)
    if rows:
        st.table(rows)
    else:
        st.caption(texts("operator.nothing_to_compare"))


def difference_rows(
    left: Mapping[str, float], right: Mapping[str, float], texts: Translations
) -> list[dict[str, str]]:
    """List the metrics that two models share, with the change from left to right.

    Intervals, and metrics of the evaluation's baselines, are left out.
    """
    names = [name for name in left if name in right and not name.endswith(_ENDS)]
    first = [f"{name}.{SEEDS}" for name in QUALITY]
    shown = [name for name in first if name in names]
    rest = [name for name in sorted(names) if name not in shown and name.count(".") <= 1]
    return [
        {
            texts("operator.metric"): _metric(name, texts),
            texts("operator.left"): number(left[name]),
            texts("operator.right"): number(right[name]),
            texts("operator.change"): f"{right[name] - left[name]:+.4g}",
        }
        for name in [*shown, *rest]
    ]


def _metric(name: str, texts: Translations) -> str:
    stem, _, seeds = name.partition(".")
    known = texts.get(f"operator.metric_of.{stem}") if seeds == SEEDS else None
    return known or code(name)


def _change(found: RegisteredModels, texts: Translations) -> None:
    """Offer promotion and rollback, each with a second step that names what will happen."""
    st.subheader(texts("operator.change_champion"))
    if not found.worker_running:
        st.warning(texts("operator.no_worker", command=code(found.worker_command)))
    champion = next((each for each in found.models if _CHAMPION in each.aliases), None)
    others = {each.number: _named(each) for each in found.models if each != champion}
    promote, back = st.columns(2)
    with promote, st.popover(texts("operator.promote"), disabled=not others, width="stretch"):
        chosen = st.selectbox(
            texts("operator.promote_which"),
            [*others],
            format_func=others.__getitem__,
            key="promoted",
        )
        unchecked = st.checkbox(
            texts("operator.without_gate"), help=texts("operator.gate_help"), key="unchecked"
        )
        st.button(
            texts("operator.promote_now", number=chosen),
            type="primary",
            on_click=_promote,
            args=(chosen, unchecked),
        )
    before = found.previous_champion
    possible = champion is not None and bool(before)
    with back, st.popover(texts("operator.roll_back"), disabled=not possible, width="stretch"):
        if champion is not None:
            st.write(texts("operator.roll_back_help", before=before, number=champion.number))
            st.button(
                texts("operator.roll_back_now", number=before),
                type="primary",
                on_click=_roll_back,
                args=(champion.number,),
            )


def _promote(number: str, unchecked: bool) -> None:
    _queue(lambda: ask(lambda to: to.promote_model(number, without_gate=unchecked)))


def _roll_back(champion: str) -> None:
    _queue(lambda: ask(lambda to: to.roll_back(champion)))


def _queue(send: Callable[[], ModelRequest]) -> None:
    try:
        send()
        st.session_state.model_fault = None
    except GatewayFault as fault:
        st.session_state.model_fault = fault


def _requests(found: RegisteredModels, texts: Translations) -> None:
    """Show how the latest promotions and rollbacks went."""
    fault: GatewayFault | None = st.session_state.get("model_fault")
    if fault is not None:
        # The gateway's own sentence says what is in the way, such as another champion.
        if fault.reason == "STATE_CONFLICT":
            st.error(code(str(fault)), icon=":material/error:")
        else:
            show_fault(fault, texts)
    if not found.requests:
        return
    st.subheader(texts("operator.requests_made"))
    titles = [texts(f"operator.{name}") for name in ("time", "what", "run_state", "detail")]
    rows = ((_TONES[each.state], _cells(each, texts)) for each in found.requests)
    show_rows(titles, rows, texts("operator.requests_made"), toned=2)


def _cells(request: ModelRequest, texts: Translations) -> list[str]:
    return [
        request.requested_at[:16].replace("T", " ") + " UTC",
        texts(f"operator.asked.{request.action}", number=request.number),
        texts(f"operator.run.{'success' if request.state == 'done' else request.state}"),
        request.message,
    ]


def _named(model: RegisteredModel) -> str:
    aliases = ", ".join(filter(None, model.aliases))
    return f"{model.number} · {model.model}{f' ({aliases})' if aliases else ''}"
