// The ranked list. Rows are kept by track, so that what plays goes on while the list is refined.
const HIDES = ["skip", "dislike", "mute"];
const MARKS = { like: "unlike", save: "unsave" }; // what it is called when pressed again
const MOST_PENDING = 50, MOST_GONE = 20;

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".cards");
  const view = root.view ?? (root.view = build(root));
  view.send = () => setTriggerValue("acted", [...view.pending]);
  view.pending = view.pending.filter((act) => act.number > (data.handled ?? 0));
  view.undoable = data.undoable ?? [];
  view.labels = data.labels;
  root.setAttribute("aria-label", data.labels.heading);
  root.setAttribute("aria-busy", String(data.stale));
  view.keys.textContent = data.labels.keys;
  view.tracks = data.tracks;
  const active = root.getRootNode().activeElement, focused = active?.dataset?.control;
  const kept = new Map();
  const items = data.tracks.map((track) => {
    const text = JSON.stringify([track, data.labels]);
    const known = view.cards.get(track.id);
    const card = known?.text === text ? known : { text, open: known?.open, name: track.title, item: undefined };
    if (!card.item) card.item = draw(view, data.labels, track, card);
    card.item.hidden = false;
    card.item.classList.toggle("chosen", track.id === data.chosen);
    card.item.querySelector(".choose").setAttribute("aria-pressed", String(track.id === data.chosen));
    kept.set(track.id, card);
    return card.item;
  });
  for (const [id, card] of view.cards) if (!kept.has(id)) keepGone(view, id, card);
  view.cards = kept;
  arrange(root, items);
  for (const act of view.pending) preview(view, act);
  reach(root, root.querySelector('.card[tabindex="0"]') ?? items[0]);
  const again = focused && root.querySelector(`[data-control="${CSS.escape(focused)}"]`);
  if (again && again !== root.getRootNode().activeElement) again.focus({ preventScroll: true });
  if (view.list !== data.list && view.list !== undefined) view.status.textContent = data.labels.changed.replace("#", items.length);
  view.list = data.list;
}

function build(root) {
  // Acts that the page has not confirmed are sent with the next one: while the page is busy,
  // Streamlit keeps the last of two messages alone.
  const view = { root, cards: new Map(), gone: new Map(), pending: [], undoable: [], number: 0, list: undefined, tracks: [] };
  followSound(root);
  view.status = make("p", { class: "hidden", role: "status" });
  view.keys = make("p", { class: "keys", hidden: true });
  root.before(view.status);
  root.after(view.keys);
  root.addEventListener("keydown", (event) => pressed(view, root, event));
  root.addEventListener("focusin", (event) => reach(root, event.target.closest(".card")));
  // The usual key for undo works anywhere but in a field, which has an undo of text.
  document.addEventListener("keydown", (event) => {
    const undoes = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
    if (undoes && root.isConnected && !isField(event.composedPath()[0])) { event.preventDefault(); undoLast(view); }
  });
  return view;
}

function send(view, act) {
  view.pending = [...view.pending, { ...act, number: nextNumber(view) }].slice(-MOST_PENDING);
  view.send();
}

function isField(element) {
  return element instanceof Element && (element.matches("input, textarea, select, audio") || element.isContentEditable);
}

// One row can be reached by Tab; J and K, or the arrows, go to the others.
function reach(root, item) {
  if (!item) return;
  for (const other of root.children) {
    const here = other === item;
    other.tabIndex = here ? 0 : -1;
    other.querySelectorAll(".quick button, .play").forEach((button) => { button.tabIndex = here ? 0 : -1; });
  }
}

function pressed(view, root, event) {
  const item = event.target.closest(".card");
  if (!item || isField(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  const press = (name) => item.querySelector(name)?.click();
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === " " && event.target !== item) return; // a button is pressed by it
  const acts = {
    j: () => go(root, item, 1), ArrowDown: () => go(root, item, 1), k: () => go(root, item, -1), ArrowUp: () => go(root, item, -1),
    l: () => press(".like"), s: () => press(".skip"), b: () => press(".save"), u: () => undoLast(view),
    " ": () => press(item.querySelector(".play.here") ? ".play" : ".open"), "?": () => { view.keys.hidden = !view.keys.hidden; if (!view.keys.hidden) view.status.textContent = view.keys.textContent; },
    Enter: () => press(".open"),
  };
  if (key === "Enter" && event.target !== item) return;
  const act = acts[key];
  if (!act) return;
  event.preventDefault();
  // Streamlit has keyboard shortcuts too.
  event.stopPropagation();
  act();
}

function go(root, item, step) {
  const items = [...root.children].filter((each) => !each.hidden);
  const next = items[items.indexOf(item) + step];
  if (next) { reach(root, next); next.focus(); }
}

function arrange(root, items) {
  const wanted = new Set(items);
  [...root.children].forEach((child) => { if (!wanted.has(child)) child.remove(); });
  // A node in its right place is not touched: moving it would stop its audio.
  items.forEach((item, place) => { if (root.children[place] !== item) root.insertBefore(item, root.children[place] ?? null); });
}

// What the listener does shows at once on the row, and is said with a way to undo it; the page
// confirms it, or brings the row back.
function acts(view, track, kind) {
  const undoes = kind in MARKS && view.cards.get(track.id)?.item.querySelector(`.${kind}`)?.getAttribute("aria-pressed") === "true";
  const act = { kind, id: track.id };
  preview(view, act);
  if (["skip", "dislike"].includes(kind)) publish("drop", { id: track.id });
  send(view, act);
  if (kind === "choose") return;
  const name = kind === "mute" ? track.artist : track.title;
  if (undoes) say(MARKS[kind], name, () => acts(view, track, kind));
  else say(kind, name, (hadFocus) => undo(view, act, hadFocus));
}

// Shows an act on its row before the page has confirmed it.
function preview(view, { kind, id, of }) {
  if (kind === "undo") { unshow(view, of, id); return; }
  const item = view.cards.get(id)?.item;
  if (!item) return;
  if (HIDES.includes(kind)) hide(view, item);
  else if (kind in MARKS) mark(item, kind);
}

function hide({ root }, item) {
  if (item.hidden) return;
  const inside = item.contains(item.getRootNode().activeElement);
  const items = [...root.children].filter((each) => !each.hidden), place = items.indexOf(item);
  item.hidden = true;
  const next = items[place + 1] ?? items[place - 1];
  if (next) reach(root, next);
  if (inside) next?.focus({ preventScroll: true });
}

function mark(item, kind) {
  const button = item.querySelector(`.${kind}`);
  if (button) button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
}

// Rows that the page has taken out come back at once if that is undone.
function keepGone(view, id, card) {
  view.gone.delete(id);
  view.gone.set(id, card);
  if (view.gone.size > MOST_GONE) view.gone.delete(view.gone.keys().next().value);
}

function unshow(view, kind, id) {
  const item = (view.cards.get(id) ?? view.gone.get(id))?.item;
  if (!item) return;
  if (kind in MARKS) { mark(item, kind); return; }
  item.hidden = false;
  if (item.isConnected) return;
  const after = [...view.root.children].find((each) => Number(each.dataset.rank) > Number(item.dataset.rank));
  view.root.insertBefore(item, after ?? null);
}

function undo(view, { kind, id }, hadFocus) {
  unshow(view, kind, id);
  send(view, { kind: "undo", of: kind, id });
  const item = [...view.root.children].find((each) => each.dataset.id === id && !each.hidden);
  if (hadFocus && item) { reach(view.root, item); item.focus(); }
}

// The newest act that is not undone yet, of those that the page knows and those on their way to it.
function undoLast(view) {
  let known = view.undoable;
  for (const act of view.pending) {
    const kind = act.kind === "undo" ? act.of : act.kind;
    const rest = known.filter((each) => each.kind !== kind || each.id !== act.id);
    if (act.kind === "undo" || (kind in MARKS && rest.length < known.length)) known = rest;
    else if (HIDES.includes(kind) || kind in MARKS) known = [...known, { kind, id: act.id, name: view.cards.get(act.id)?.name ?? "" }];
  }
  const last = known.at(-1);
  if (!last) return;
  undo(view, last, false);
  say("undone", last.name);
}

function draw(view, labels, track, card) {
  const plays = Boolean(sourceOf(track));
  const pressed = { like: track.liked, save: track.saved, choose: false };
  const facts = (kind) => ({
    type: "button", "data-control": `${kind}-${track.id}`, onclick: () => acts(view, track, kind),
    "aria-pressed": kind in pressed ? String(Boolean(pressed[kind])) : undefined,
  });
  const quick = (kind, sign) => make("button", { ...facts(kind), class: kind, title: labels[kind], "aria-label": `${labels[kind]} ${track.title}` }, icon(sign));
  const button = (kind, sign) => make("button", { ...facts(kind), class: `act ${kind}` }, icon(sign), labels[kind],
    make("span", { class: "hidden" }, ` ${kind === "mute" ? track.artist : track.title}`));
  const tool = (name, sign, text, press) => make("button", { type: "button", class: `act ${name}`, "data-control": `${name}-${track.id}`, onclick: press }, icon(sign), text ?? "",
    make("span", { class: "hidden" }, ` ${track.title}`));
  const more = make("div", { class: "more", hidden: !card.open },
    why(labels, track),
    track.known ? make("span", { class: "known" }, labels.known) : "",
    track.details ? make("span", { class: "byline" }, track.details) : "",
    places(labels, track),
    make("div", { class: "acts" },
      plays ? tool("playnext", "playlist_play", labels.playNext, () => publish("queue", { track })) : "",
      plays ? "" : tool("elsewhere", "travel_explore", labels.elsewhere, () => publish("elsewhere", { track })),
      plays ? "" : tool("service", "settings", labels.otherService, () => publish("elsewhere", { track, asks: true })),
      button("save", "bookmark"), button("dislike", "thumb_down"), button("mute", "person_off"), button("choose", "radar"),
      track.link ? make("a", { class: "act", href: track.link, target: "_blank", rel: "noopener noreferrer" },
        icon("open_in_new"), labels.open, make("span", { class: "hidden" }, ` ${track.title}`)) : ""));
  const opener = make("button", { type: "button", class: "open", title: labels.more, "aria-label": `${labels.more} ${track.title}`,
    "aria-expanded": String(Boolean(card.open)), "data-control": `open-${track.id}`,
    onclick: () => { card.open = more.hidden; more.hidden = !card.open; opener.setAttribute("aria-expanded", String(card.open)); } }, icon("more_horiz"));
  // A press anywhere on the row opens it, as the button for that does.
  const opens = (event) => { if (!event.target.closest("button, a")) opener.click(); };
  return make("li", { class: "card moves", "data-id": track.id, "data-rank": String(track.rank), "data-control": `row-${track.id}`, tabindex: "-1" },
    make("div", { class: "row", onclick: opens },
      make("span", { class: "rank" }, String(track.rank)),
      playCover(track, () => view.tracks.filter(({ id }) => !view.cards.get(id)?.item?.hidden), "list"),
      make("div", { class: "what" },
        make("h3", { class: "title", title: track.title }, track.title),
        make("span", { class: "byline" }, [track.byline, track.year].filter(Boolean).join(" · "))),
      make("span", { class: "chip", title: track.chip }, track.chip ?? ""),
      make("div", { class: "quick" }, quick("like", "favorite"), quick("skip", "skip_next"), opener)),
    more);
}

// One sentence for each fact, how alike the song is, how it fits the tuning; numbers only when opened.
function why(labels, track) {
  const { facts, likeness, fit, bars } = track.why;
  return make("div", { class: "why" },
    facts.length ? make("ul", { class: "facts", "aria-label": labels.why }, ...facts.map((text) => make("li", {}, text))) : "",
    likeness.length ? make("ul", { class: "bars", "aria-label": labels.likeness }, ...likeness.map(meter)) : "",
    fit ? make("div", { class: "fit" }, make("ul", { class: "bars" }, meter({ ...fit, text: `${Math.round(100 * fit.share)} %` })),
      make("ul", { class: "facts" }, ...fit.lines.map((text) => make("li", {}, text)))) : "",
    bars.length ? make("details", {}, make("summary", {}, labels.nerds, make("span", { class: "hidden" }, ` ${track.title}`)),
      make("p", {}, labels.bars), make("ul", { class: "bars", "aria-label": labels.bars }, ...bars.map(contribution))) : "");
}

function meter({ name, text, share }) {
  return make("li", { class: "meter" }, make("span", { class: "name" }, name),
    make("span", { class: "track", "aria-hidden": "true" }, make("span", { class: "bar part", style: `width:${Math.max(1, 100 * share)}%` })),
    make("span", { class: "words" }, text));
}

function contribution(bar) {
  return make("li", {}, make("span", { class: "name" }, bar.name),
    make("span", { class: "track both", "aria-hidden": "true" },
      make("span", { class: `bar ${bar.sign}`, style: `width:${Math.max(2, bar.share * 50)}%` })),
    make("span", { class: "value" }, bar.text));
}

function places(labels, track) {
  if (!track.places?.length) return "";
  return make("details", { class: "places" }, make("summary", {}, labels.sources, make("span", { class: "hidden" }, ` ${track.title}`)),
    ...track.places.map((place) => make("div", {}, `${place.source}: ${place.path}${place.gone ? ` (${labels.gone})` : ""}`)));
}
