"""What a rehearsal found: a row a fault, and whether the goals are reached."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_RECOVERY_SECONDS = 5.0
LEAST_ANSWERED = 0.999


@dataclass
class Row:
    """What one fault cost; recovery counts from its end to the last answer that was not whole."""

    fault: str
    sent: int = 0
    answered: int = 0
    failed: int = 0
    wrong: int = 0
    degraded: str = ""
    events: int = 0
    accepted: int = 0
    stored: int = 0
    doubled: int = 0
    recovery: float = 0.0
    slowest: float = 0.0
    skipped: str = ""
    one_replica: bool = False


def goals(rows: Sequence[Row]) -> list[tuple[str, bool, str]]:
    """Return each goal, whether it is reached, and what was seen."""
    tried = [row for row in rows if not row.skipped]
    replica = [row for row in tried if row.one_replica]
    sent, answered = sum(r.sent for r in replica), sum(r.answered for r in replica)
    lost = sum(row.accepted - row.stored for row in tried)
    doubled = max((row.doubled for row in tried), default=0)
    wrong = sum(row.wrong for row in tried)
    slowest = max((row.recovery for row in tried), default=0.0)
    share = answered / sent if sent else 1.0
    return [
        ("no accepted event lost", lost == 0, f"{lost} of {sum(r.accepted for r in tried)}"),
        ("none stored twice", doubled == 0, str(doubled)),
        ("no wrong answer", wrong == 0, f"{wrong} of {sum(r.answered for r in tried)}"),
        (
            "99.9 % answered while one replica dies, hangs or is cut off",
            share >= LEAST_ANSWERED,
            f"{answered} of {sent} ({100 * share:.2f} %)",
        ),
        ("normal within 5 s", slowest <= MOST_RECOVERY_SECONDS, f"{slowest} s at most"),
    ]


BEGIN, END = "<!-- chaos: begin -->", "<!-- chaos: end -->"
HEADER = (
    "fault", "sent", "answered", "failed", "wrong", "degraded",
    "events sent", "accepted", "stored", "doubled", "normal after", "slowest",
)  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """Return the rows and goals as Markdown."""
    lines = [f"| {' | '.join(HEADER)} |", f"|{' --- |' * len(HEADER)}"]
    for row in rows:
        if row.skipped:
            lines.append(f"| {row.fault} | not tried: {row.skipped} |{' |' * (len(HEADER) - 2)}")
            continue
        values = [
            row.fault, row.sent, row.answered, row.failed, row.wrong, row.degraded or "-",
            row.events, row.accepted, row.stored, row.doubled,
            f"{row.recovery} s", f"{row.slowest} s",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(map(str, values))} |")
    lines += ["", "| goal | reached | seen |", "| --- | --- | --- |"]
    lines += [f"| {what} | {'yes' if ok else 'NO'} | {seen} |" for what, ok, seen in goals(rows)]
    return "\n".join(lines) + "\n"


def put_into(page: str, text: str) -> str:
    """Return a page with the table between its two marks.

    Raises:
        ValueError: The page has not both marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}"
