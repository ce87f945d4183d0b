"""A wish in words for `quintet recommend --prompt`: the query that was understood, and its list."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.output import print_recommendations
from quintet_command.cli.terminal import Console, print_json

if TYPE_CHECKING:
    from quintet_client.models import Prompt


def recommend_by_words(
    text: str,
    removed: list[str],
    *,
    limit: int,
    language: str,
    listener: str | None,
    as_json: bool,
) -> None:
    """Read a wish, print its parts, and recommend by its query.

    Args:
        text: The wish.
        removed: Ids of parts to leave out.
        limit: Tracks, unless the wish says how many.
        language: Of the sentences.
        listener: Whose memory counts.
        as_json: Whether to print the gateway's answers as JSON.

    Raises:
        CommandFailed: The catalogue is empty, or the gateway does not answer.
    """
    from quintet_client import calls

    from quintet_command.cli.gateway import ask, connect

    gateway = connect()
    prompt = ask(gateway, calls.prompt(text, removed=removed))
    if prompt.query is None:
        raise CommandFailed("the catalogue is empty, so that no list can start from it")
    call = calls.recommend(**_options(prompt.query, limit), language=language, listener=listener)
    if as_json:
        answer = ask(gateway, call.as_json())
        print_json({**prompt.model_dump(mode="json"), "recommendations": answer})
        return
    console = Console()
    _print_parts(prompt, language, console)
    print_recommendations(ask(gateway, call), console)


def reject_other_options(options: Mapping[str, tuple[Any, Any]]) -> None:
    """Check that no option is set that a wish replaces: value and default of each by name.

    Raises:
        CommandFailed: One is set; the message names it.
    """
    changed = [name for name, (value, default) in options.items() if value not in (default, None)]
    if changed:
        raise CommandFailed(
            f"--prompt says what the list is like: leave {', '.join(changed)} out, "
            f"or say it in the prompt"
        )


def _options(query: Mapping[str, Any], limit: int) -> dict[str, Any]:
    from quintet_client.request_models import Seed

    named = {name: value for name, value in query.items() if not name.endswith("seeds")}
    return {
        "limit": limit,
        **named,
        "seeds": [Seed(**seed) for seed in query["seeds"]],
        "negative_seeds": [Seed(**seed) for seed in query.get("negative_seeds", ())],
    }


def _print_parts(prompt: "Prompt", language: str, console: Console) -> None:
    table = Table(title="Understood", title_justify="left", box=None, pad_edge=False)
    for title in ("part", "words", "meaning"):
        table.add_column(title, overflow="fold")
    for part in prompt.parts:
        meaning = part.meaning.ko if language == "ko" else part.meaning.en
        table.add_row(part.id if part.removable else "", part.words, meaning)
    console.print(table, "", sep="\n")
    for left in prompt.not_understood:
        console.print(f"Not understood: {left.words}", highlight=False, markup=False)
    for name in prompt.unknown_removed:
        console.print(f"No part has the id {name}.", highlight=False, markup=False)
    if prompt.model_problem:
        console.print(prompt.model_problem, highlight=False, markup=False)
