// Saved songs. This browser keeps their ids for each listener; the page and its link have them too.
const KEPT = "quintet.saved", MOST = 100;

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".tray");
  const view = root.view ?? (root.view = build(root));
  const kept = read();
  if (data.forgotten && view.forgotten !== data.forgotten) {
    view.forgotten = data.forgotten;
    delete kept[data.forgotten in kept ? data.forgotten : ""];
    write(kept);
  }
  const ids = data.tracks.map((track) => track.id);
  if (view.listener !== data.listener) {
    view.listener = data.listener;
    view.waits = (kept[data.listener] ?? []).some((id) => !ids.includes(id));
    if (view.waits) return setTriggerValue("restored", kept[data.listener]);
  }
  // The page may show this again before it has the songs: what is kept must not be lost then.
  if (view.waits && !data.restored) return;
  view.waits = false;
  if (ids.length) kept[data.listener] = ids.slice(-MOST);
  else delete kept[data.listener];
  write(kept);
  draw(root, data, (track) => {
    setTriggerValue("removed", { id: track.id });
    say("unsave", track.title, () => setTriggerValue("removed", { id: track.id, undone: true }));
  });
}

function build(root) {
  followSound(root);
  return { listener: undefined, forgotten: "" };
}

function draw(root, data, remove) {
  const { labels, tracks } = data;
  const line = (track) => (track.byline ? `${track.byline} – ${track.title}` : track.title);
  const focused = root.getRootNode().activeElement?.dataset?.place;
  const status = make("span", { role: "status" });
  const items = tracks.map((track, place) => make("li", { "data-id": track.id },
    playCover(track, () => tracks, "saved"),
    make("span", { class: "names" }, line(track)),
    make("button", { class: "remove", type: "button", "data-place": String(place), "aria-label": labels.remove.replace("#", () => track.title), title: labels.remove.replace("#", () => track.title),
      onclick: () => remove(track) }, icon("close"))));
  root.replaceChildren(make("h2", {}, labels.heading),
    tracks.length ? make("ul", { "aria-label": labels.heading }, ...items) : make("p", {}, labels.none),
    tracks.length ? make("div", {}, make("button", { type: "button", class: "copy", onclick: () => copy(root, tracks.map(line).join("\n"), labels, status) }, icon("content_copy"), labels.copy), " ", status) : "");
  if (focused !== undefined) (root.querySelector(`[data-place="${Math.min(Number(focused), tracks.length - 1)}"]`) ?? root.querySelector("button"))?.focus();
}

async function copy(root, text, labels, status) {
  try {
    await navigator.clipboard.writeText(text);
    status.textContent = labels.copied;
  } catch {
    // Without HTTPS a browser gives no access to the clipboard: the listener copies the text.
    root.querySelector("textarea")?.remove();
    const box = make("textarea", { rows: "6", readonly: true, "aria-label": labels.copy });
    box.value = text;
    root.append(box);
    box.select();
    status.textContent = labels.select;
  }
}

// What the browser keeps may be of another program, or damaged: only lists of ids count.
function read() {
  const found = Object.create(null);
  try {
    for (const [name, ids] of Object.entries(JSON.parse(localStorage.getItem(KEPT) ?? "{}"))) {
      if (Array.isArray(ids)) found[name] = ids.filter((id) => typeof id === "string").slice(-MOST);
    }
  } catch { /* A browser that keeps nothing: the link has the songs. */ }
  return found;
}

function write(kept) {
  try { localStorage.setItem(KEPT, JSON.stringify(kept)); } catch { /* The link has the songs. */ }
}
