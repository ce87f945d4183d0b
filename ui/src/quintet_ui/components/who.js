// Who listens. Names and random ids stay in this browser; the page gets the id of the one who listens.
const KEPT = "quintet.listeners";

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".who");
  const view = root.view ?? (root.view = { sent: 0, told: undefined });
  const kept = read();
  if (data.forgotten) drop(kept, data.forgotten);
  const send = (name) => {
    kept.current = name;
    write(kept);
    view.told = name;
    setTriggerValue("chosen", { name, id: kept.names[name] ?? "", number: (view.sent += 1) });
  };
  // A new visit: the page does not know yet who listened last in this browser.
  if (view.told === undefined && kept.current !== data.name) return send(kept.current);
  view.told = kept.current;
  root.replaceChildren(kept.current ? known(data.labels, kept.current, send) : asked(data.labels, kept, send));
}

function known(labels, name, send) {
  return make("div", { class: "row" },
    make("p", { class: "name" }, labels.listening, " ", make("strong", {}, name)),
    make("button", { type: "button", onclick: () => send("") }, labels.other));
}

function asked(labels, kept, send) {
  const names = Object.keys(kept.names);
  const box = make("input", { type: "text", id: "who-name", maxlength: "40", autocomplete: "off", list: names.length ? "who-names" : undefined });
  const form = make("form", {},
    make("label", { for: "who-name" }, labels.label),
    make("div", { class: "row" }, box, make("button", { type: "submit" }, labels.remember)),
    names.length ? make("datalist", { id: "who-names" }, ...names.map((name) => make("option", { value: name }))) : "",
    make("p", { class: "help" }, labels.help));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = box.value.trim().replace(/\s+/g, " ");
    if (!name) return box.focus();
    kept.names[name] ??= random();
    send(name);
  });
  return form;
}

function random() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function drop(kept, id) {
  for (const name of Object.keys(kept.names)) if (kept.names[name] === id) delete kept.names[name];
  if (!(kept.current in kept.names)) kept.current = "";
  write(kept);
}

// What the browser keeps may be of another program, or damaged: only names with an id of ours count.
function read() {
  const empty = { names: Object.create(null), current: "" };
  try {
    const found = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
    for (const [name, id] of Object.entries(found.names ?? {})) if (/^[0-9a-f]{32}$/.test(id)) empty.names[name] = id;
    empty.current = found.current in empty.names ? found.current : "";
  } catch { /* A browser that keeps nothing: each visit is of nobody. */ }
  return empty;
}

function write(kept) {
  try { localStorage.setItem(KEPT, JSON.stringify(kept)); } catch { /* The name lasts for this visit. */ }
}
