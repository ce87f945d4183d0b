// Search as you type: a combobox (ARIA 1.2). Its list lies over the page once a song is picked.
const WAIT_MS = 60;

export default function ({ data, parentElement, setTriggerValue }) {
  // Screen readers must know which language they read.
  document.documentElement.lang = data.language;
  const root = parentElement.querySelector(".search");
  const view = root.view ?? (root.view = build(root, data.early));
  view.send = setTriggerValue;
  view.data = data;
  for (const id of data.held ?? []) view.pending.delete(id);
  const early = view.begun ? undefined : takeOver(view);
  show(view);
  if (early?.picked.length) sendPicks(view, early.picked);
  if (early?.text) { typed(view); view.entered = early.entered; }
  if (early?.focused) { view.input.focus({ preventScroll: true }); view.input.setSelectionRange(...early.at); }
  // Who opens the page begins to type; on a screen that is touched, the keyboard would hide half of it.
  if (!view.begun && data.start && matchMedia("(hover: hover)").matches) view.input.focus({ preventScroll: true });
  view.begun = true;
}

// The first screen of the page runs this component too, before Streamlit is loaded (quintet_ui/shell).
function takeOver(view) {
  const early = view.data.early ? undefined : document.getElementById("shell")?.leave?.();
  if (early?.text) view.input.value = early.text;
  return early;
}

function build(root, early) {
  // A pick that the page has not confirmed is sent with what is typed next: while the page is busy,
  // Streamlit keeps the last of two messages alone.
  const view = { at: -1, timer: 0, pending: new Set() };
  view.input = make("input", {
    type: "search", role: "combobox", id: "box", autocomplete: "off", spellcheck: "false",
    "aria-controls": "found", "aria-autocomplete": "list", "aria-expanded": "true",
    oninput: () => typed(view), onkeydown: (event) => pressed(view, event),
  });
  view.label = make("label", { for: "box" });
  view.heading = make("p", { class: "heading", id: "heading" });
  view.list = make("ul", { role: "listbox", id: "found", "aria-labelledby": "heading" });
  view.status = make("p", { role: "status", class: "status" });
  view.genres = make("div", { class: "genres", role: "group" });
  view.panel = make("div", { class: "panel", onmousedown: (event) => event.preventDefault() }, view.heading, view.list, view.status, view.genres);
  view.root = root;
  if (!early) followSound(root);
  root.append(view.label, view.input, view.panel);
  root.addEventListener("focusin", () => root.classList.add("active"));
  root.addEventListener("focusout", () => root.classList.remove("active"));
  return view;
}

function show(view) {
  const { labels, query } = view.data;
  view.label.textContent = labels.label;
  view.input.placeholder = labels.placeholder;
  view.heading.textContent = query ? labels.results : labels.suggestions;
  view.status.textContent = view.data.status;
  view.list.setAttribute("aria-busy", String(query !== view.input.value.trim()));
  view.at = -1;
  view.input.removeAttribute("aria-activedescendant");
  view.list.replaceChildren(...view.data.tracks.map((track, place) => option(view, track, place)));
  view.genres.setAttribute("aria-label", labels.genres);
  view.genres.replaceChildren(...chips(view));
  view.list.hidden = !view.data.tracks.length;
  view.heading.hidden = !view.data.tracks.length;
  view.root.classList.toggle("over", !view.data.start || Boolean(query));
  view.panel.classList.toggle("full", Boolean(query));
  view.input.setAttribute("aria-expanded", String(Boolean(query) || view.data.start));
  // Enter was pressed before this list was there: it meant the first song of it.
  if (view.entered && query === view.input.value.trim()) {
    view.entered = false;
    pick(view, 0);
  }
}

function option(view, track, place) {
  const taken = track.taken;
  return make("li", {
    role: "option", id: `option-${place}`, class: "option moves", "aria-selected": String(track.taken),
    "aria-disabled": taken ? "true" : undefined, "data-id": track.id, onclick: () => pick(view, place),
  }, view.data.early ? cover(track) : playCover(track, () => [track], "search", "span"), make("span", { class: "names" },
    make("span", { class: "title" }, track.title), make("span", { class: "byline" }, track.byline)),
  icon(track.taken ? "check" : "add"));
}

// The most used genres at the start, and those that a text begins; a press searches for its songs.
function chips(view) {
  const { labels, genres, start, query } = view.data;
  const ask = (name) => { view.input.value = `genre:"${name}"`; typed(view); view.input.focus(); };
  const items = genres.map(({ name, label }) => make("button", {
    type: "button", class: "genre", "data-control": `genre-${name}`, title: labels.genre.replace("#", () => label), onclick: () => ask(name) }, label));
  if (!start || query || view.data.early) return items;
  return [make("button", { type: "button", class: "genre surprise", "data-control": "surprise", onclick: () => view.send("surprised", (view.surprises = (view.surprises ?? 0) + 1)) },
    icon("casino"), labels.surprise), ...items];
}

function typed(view) {
  clearTimeout(view.timer);
  view.entered = false;
  view.list.setAttribute("aria-busy", "true");
  view.timer = setTimeout(() => view.send("typed", { text: view.input.value.trim(), picked: [...view.pending] }), WAIT_MS);
}

function pressed(view, event) {
  const last = view.data.tracks.length - 1;
  if (event.key === "ArrowDown") move(view, view.at >= last ? 0 : view.at + 1);
  else if (event.key === "ArrowUp") move(view, view.at <= 0 ? last : view.at - 1);
  else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) view.list.children[Math.max(view.at, 0)]?.querySelector(".play")?.click();
  else if (event.key === "Enter") pick(view, Math.max(view.at, 0));
  else if (event.key === "Escape" && view.input.value) { view.input.value = ""; typed(view); }
  else return;
  event.preventDefault();
  // Streamlit has keyboard shortcuts too.
  event.stopPropagation();
}

function move(view, place) {
  const options = [...view.list.children];
  if (!options.length) return;
  options.forEach((each, at) => each.classList.toggle("active", at === place));
  options[place].scrollIntoView({ block: "nearest" });
  view.input.setAttribute("aria-activedescendant", options[place].id);
  view.at = place;
}

function sendPicks(view, ids) {
  for (const id of ids) view.pending.add(id);
  view.send("picked", [...view.pending]);
}

function pick(view, place) {
  const track = view.data.tracks[place];
  // A list still on its way belongs to an older text: Enter must not pick from it.
  const stale = view.data.query !== view.input.value.trim();
  if (stale && view.at < 0) {
    view.entered = Boolean(view.input.value.trim());
    return;
  }
  if (!track || track.taken) return;
  clearTimeout(view.timer);
  view.input.value = "";
  sendPicks(view, [track.id]);
  // The slot shows it before the page has answered.
  publish("picked", { track });
  view.input.focus();
}
