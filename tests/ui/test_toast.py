"""What was done last is said at once, and undone from there; the scripts without the page."""

import pytest
from quintet_ui.translations import translations_for

from tests.ui.scripts import Component, card

EN = translations_for("en").group("toast")
STAYS_MS = 8000


@pytest.fixture
def listed(cards):
    """The list with the toast; returns a tab, the acts, and how to give the list other tracks."""
    tab, acts, give = cards
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<div class=toast></div>')")
    # The clock stands still but for `run_for`: a slow machine shortens no stay.
    tab.clock.install(time=0)
    tab.clock.pause_at(1)
    Component(tab, "toast").give({"labels": EN})
    return tab, acts, give


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("like", "Liked “Title b”: the next list has more like it."),
        ("skip", "Skipped “Title b”."),
        ("save", "Saved “Title b”."),
        ("dislike", "Less like “Title b”: the next list has fewer songs like it."),
        ("mute", "No songs by “Artist” any more."),
    ],
)
def test_each_act_is_said_at_once_and_undone_by_one_press(listed, kind, said):
    tab, acts, give = listed
    give(card("a", rank=1), card("b", rank=2), card("c", rank=3))
    tab.locator("[data-id=b] .open").click()
    tab.locator(f"[data-id=b] .{kind}").click()
    toast = tab.get_by_role("status").filter(has=tab.locator(".box"))
    assert toast.locator(".said").inner_text() == said
    # It takes neither focus nor room.
    assert not tab.evaluate("document.querySelector('.toast').contains(document.activeElement)")
    # The page has confirmed the act: the row is out of its list.
    gone = kind in {"skip", "dislike", "mute"}
    give(card("a", rank=1), *([] if gone else [card("b", rank=2)]), card("c", rank=3))
    assert tab.locator("[data-id=b]:visible").count() == (0 if gone else 1)
    tab.get_by_role("button", name="Undo").press("Enter")
    assert [row.get_attribute("data-id") for row in tab.locator(".card").all()] == ["a", "b", "c"]
    assert tab.locator(f"[data-id=b] .{kind}").get_attribute("aria-pressed") != "true"
    assert tab.evaluate("document.activeElement.dataset.id") == "b"
    (done, undone) = acts()
    assert (done["kind"], undone["kind"], undone["of"]) == (kind, "undo", kind)
    assert done["id"] == undone["id"] == "b"
    assert toast.locator(".said").inner_text() == (
        "Undone: “Artist”" if kind == "mute" else "Undone: “Title b”"
    )
    assert tab.locator(".toast button").count() == 0


def test_the_newest_act_alone_is_shown_and_keys_undo_one_after_the_other(listed):
    tab, acts, give = listed
    give(*(card(name, rank=rank) for rank, name in enumerate("abcd", start=1)))
    tab.locator("[data-id=a] .skip").click()
    tab.locator("[data-id=c] .skip").click()
    assert tab.locator(".toast .box").count() == 1
    tab.keyboard.press("Control+z")
    tab.keyboard.press("Control+z")
    tab.keyboard.press("Control+z")
    assert [(act["kind"], act["id"]) for act in acts()] == [
        ("skip", "a"), ("skip", "c"), ("undo", "c"), ("undo", "a"),
    ]  # fmt: skip
    assert tab.locator(".card:visible").count() == 4
    # What an earlier part of the visit did is undone too.
    give(card("a"), undoable=[{"kind": "skip", "id": "z", "name": "Old"}])
    tab.keyboard.press("Control+z")
    assert tab.locator(".toast .said").inner_text() == "Undone: “Old”"
    assert acts()[-1]["id"] == "z"


def test_it_closes_by_itself_but_not_under_pointer_or_focus(listed):
    tab, _, give = listed
    give(card("a"), card("b"))
    box = tab.locator(".toast .box")
    tab.locator("[data-id=a] .like").click()
    tab.clock.run_for(STAYS_MS - 100)
    assert box.count() == 1
    tab.clock.run_for(200)
    assert box.count() == 0
    tab.locator("[data-id=b] .like").click()
    tab.get_by_role("button", name="Undo").focus()
    tab.clock.run_for(3 * STAYS_MS)
    assert box.count() == 1
    tab.keyboard.press("Escape")
    assert box.count() == 0
    tab.locator("[data-id=b] .save").dispatch_event("click")
    box.hover()
    tab.clock.run_for(3 * STAYS_MS)
    assert box.count() == 1
    tab.mouse.move(1, 1)
    tab.clock.run_for(STAYS_MS + 100)
    assert box.count() == 0


def test_a_seed_that_was_removed_comes_back_to_its_place(component):
    tab, sent, give = component("seeds", "<ol class=seeds></ol><div class=toast></div>")
    Component(tab, "toast").give({"labels": EN})
    labels = translations_for("en").group("seeds")
    seed = {"byline": "Artist", "cover": "", "drawn": "", "weight": 2.0, "against": False}
    seeds = [{**seed, "id": name, "title": f"Title {name}"} for name in "abc"]
    data = {"labels": labels, "count": 5, "levels": [{"name": "normal", "weight": 1.0}]}
    give({**data, "seeds": seeds})
    tab.locator("[data-id=b] .slot").click()
    tab.get_by_role("button", name="Remove Title b").click()
    assert tab.locator(".toast .said").inner_text() == "Removed “Title b” from your songs."
    # The next seed has the focus.
    assert tab.evaluate("document.activeElement.closest('li').dataset.id") == "c"
    # Another song was added since.
    give({**data, "seeds": [seeds[0], seeds[2], {**seeds[0], "id": "d"}]})
    tab.get_by_role("button", name="Undo").press("Enter")
    assert [(each["id"], each["weight"]) for each in sent()[-1]] == [
        ("a", 2), ("b", 2), ("c", 2), ("d", 2),
    ]  # fmt: skip
    give({**data, "seeds": seeds})
    assert tab.evaluate("document.activeElement.closest('li').dataset.id") == "b"


@pytest.mark.parametrize("width", [390, 700], ids=["phone", "zoomed"])
def test_a_long_title_stays_within_the_window(listed, width):
    tab, _, give = listed
    tab.set_viewport_size({"width": width, "height": 450})
    tab.emulate_media(forced_colors="active", reduced_motion="reduce")
    give(card("a", title="x" * 300))
    tab.locator("[data-id=a] .skip").dispatch_event("click")
    box = tab.locator(".toast .box").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] >= 0
    button = tab.get_by_role("button", name="Undo").bounding_box()
    assert button["x"] + button["width"] <= width
    assert tab.locator(".box").evaluate("(box) => getComputedStyle(box).animationName") == "none"
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= width
