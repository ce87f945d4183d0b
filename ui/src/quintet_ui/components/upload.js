// A listening history: files are sent part by part, then their import is followed to its end.
const KEPT = "quintet.uploads";
const POLL_MS = 1000, RETRY_MS = 2000, MOST_TRIES = 30, MOST_FILES = 5;

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".upload");
  const view = root.view ?? (root.view = build(root));
  view.data = data;
  view.imported = () => setTriggerValue("imported", { number: (view.sent += 1) });
  if (view.listener !== data.listener) {
    view.listener = data.listener;
    view.files.replaceChildren();
    for (const kept of read(data.listener)) follow(view, shownFile(view, kept.name), kept.id, kept.name, data.listener);
  }
  view.words.textContent = data.labels.drop;
  view.help.textContent = data.labels.formats;
}

function build(root) {
  const view = { sent: 0, listener: undefined };
  view.words = make("span", {});
  view.help = make("p", { class: "byline" });
  view.files = make("div", { "aria-live": "polite" });
  const input = make("input", { type: "file", multiple: true, accept: ".zip,.json,.jsonl,.csv,.tsv,.xml", class: "hidden",
    onchange: () => { take(view, input.files); input.value = ""; } });
  const drop = make("label", { class: "drop",
    ondragover: (event) => { event.preventDefault(); drop.classList.add("over"); },
    ondragleave: () => drop.classList.remove("over"),
    ondrop: (event) => { event.preventDefault(); drop.classList.remove("over"); take(view, event.dataTransfer.files); } },
  icon("upload_file"), view.words, input);
  root.append(drop, view.help, view.files);
  return view;
}

function take(view, files) {
  const { labels } = view.data;
  [...files].slice(0, MOST_FILES).forEach((file) => send(view, file));
  for (const file of [...files].slice(MOST_FILES)) fail(shownFile(view, file.name), labels.many);
}

function shownFile(view, name) {
  const shown = { words: make("p", {}), bar: make("progress", { max: "1", value: "0", "aria-label": name }), more: make("div", {}) };
  view.files.prepend(make("div", { class: "file" }, make("strong", { class: "byline" }, name), shown.bar, shown.words, shown.more));
  return shown;
}

async function send(view, file) {
  const { labels, address, part, listener } = view.data;
  const shown = shownFile(view, file.name);
  if (!file.size) return fail(shown, labels.empty_file);
  try {
    let state = await ask(address, { method: "POST", body: JSON.stringify({ listener, bytes: file.size }) });
    keep(listener, { id: state.upload_id, name: file.name });
    while (state.state === "receiving") {
      shown.bar.value = state.received / file.size / 2;
      shown.words.textContent = labels.sending.replace("#", Math.floor((100 * state.received) / file.size));
      const piece = file.slice(state.received, state.received + Math.min(part, state.part_bytes));
      state = await ask(`${address}/${state.upload_id}?offset=${state.received}`, { method: "PUT", body: piece });
    }
    follow(view, shown, state.upload_id, file.name, listener);
  } catch (fault) { fail(shown, labels[`fault_${fault.status}`] ?? labels.fault); }
}

async function follow(view, shown, id, name, listener) {
  const { labels, address } = view.data;
  try {
    for (;;) {
      const state = await ask(`${address}/${id}`, {});
      // Its rest is on the disk of who sent it: another visit cannot go on with it.
      if (state.state === "receiving") { drop(listener, id); return fail(shown, labels.cut_off); }
      if (state.state === "done" || state.state === "failed") { drop(listener, id); return ended(view, shown, state); }
      shown.bar.value = 0.5 + state.share / 2;
      shown.words.textContent = state.worker_running ? labels[state.state].replace("#", Math.floor(100 * state.share)) : labels.no_worker;
      shown.more.replaceChildren(state.worker_running ? "" : make("code", {}, state.worker_command));
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } catch (fault) {
    drop(listener, id);
    fail(shown, fault.status === 404 ? labels.gone : labels.fault);
  }
}

function ended(view, shown, state) {
  const { labels } = view.data, report = state.report;
  shown.bar.hidden = true;
  const number = (text, count) => text.replace("#", count.toLocaleString(document.documentElement.lang));
  if (state.state === "failed") fail(shown, labels[`failed_${state.reason}`] ?? labels.fault);
  else shown.words.textContent = report.unchanged ? labels.unchanged : number(labels.done, report.rows_stored);
  if (!report) return;
  const lines = [
    ...Object.entries(report.kinds).map(([kind, count]) => number(labels[`kind_${kind}`], count)),
    report.rows_duplicate ? number(labels.duplicate, report.rows_duplicate) : "",
    report.banned_artists ? number(labels.banned, report.banned_artists) : "",
    report.passed_over ? number(labels.passed_over, report.passed_over) : "",
    report.rows_quarantined ? number(labels.unmatched, report.rows_quarantined) : ""].filter(Boolean);
  shown.more.replaceChildren(make("ul", {}, ...lines.map((line) => make("li", {}, line))),
    report.unmatched.length ? make("details", {}, make("summary", {}, number(labels.which, report.unmatched.length)),
      make("ul", {}, ...report.unmatched.map((song) => make("li", {}, song)))) : "");
  if (state.state === "done") view.imported();
}

function fail(shown, text) {
  shown.bar.hidden = true;
  shown.words.className = "failure";
  shown.words.textContent = text;
}

// What passes, such as a gateway that starts again, is waited for; what does not is thrown.
async function ask(address, options) {
  for (let tries = 1; ; tries += 1) {
    let answer;
    try { answer = await fetch(address, options); } catch { answer = { status: 503 }; }
    if (answer.status < 300) return answer.json();
    if (![503, 504, 429].includes(answer.status) || tries >= MOST_TRIES || (options.method === "POST" && answer.status === 429)) throw { status: answer.status };
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function stored() {
  try { const found = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"); return Array.isArray(found) ? found : []; } catch { return []; }
}

function write(kept) {
  try { sessionStorage.setItem(KEPT, JSON.stringify(kept.slice(-20))); } catch { /* It is followed in this visit alone. */ }
}

function read(listener) { return stored().filter((each) => each.listener === listener && /^[0-9a-f]{32}$/.test(each.id)); }

function keep(listener, upload) { write([...stored(), { ...upload, listener }]); }

function drop(listener, id) { write(stored().filter((each) => each.id !== id)); }
