// The first screen of the listener's page. It runs the search component before Streamlit is loaded.
const WAIT_FOR_PAGE_MS = 30000;
const host = document.getElementById("shell");
const asked = new URLSearchParams(location.search);
const wanted = asked.get("lang") ?? navigator.language.slice(0, 2).toLowerCase();
const language = wanted in FACTS.texts ? wanted : "en";
const texts = FACTS.texts[language];
const begun = asked.has(FACTS.seeds);
const state = { query: "", tracks: [], status: "", picked: [], number: 0 };

const root = host.attachShadow({ mode: "open" });
const box = make("div", { class: "search quintet" });
const note = make("p", { class: "loading", role: "status" }, texts["shell.loading"]);
const mark = make("span", { class: "mark", "aria-hidden": "true" });
mark.innerHTML = FACTS.mark;
root.append(
  make("style", {}, FACTS.style),
  make("div", { class: "bar" }, mark, make("span", {}, "Quintet")),
  make("div", { class: "page" }, make("h1", { class: begun ? "unseen" : "" }, texts["page.title"]),
    begun ? "" : make("p", { class: "lead" }, texts["page.lead"]), box, note));
draw();
const timer = setTimeout(() => { note.textContent = texts["shell.slow"]; }, WAIT_FOR_PAGE_MS);

function draw() {
  search({
    data: {
      early: true, language, labels: texts.labels, query: state.query, status: state.status, start: true, genres: [],
      held: state.picked,
      tracks: state.tracks.map((track) => ({ ...track, taken: state.picked.includes(track.id) })),
    },
    parentElement: root,
    setTriggerValue: (name, value) => { if (name === "typed") find(value.text); else if (name === "picked") pick(value.at(-1)); },
  });
}

async function find(query) {
  const number = (state.number += 1);
  let found = { tracks: [], status: "" };
  if (query) {
    try {
      const answer = await fetch(`/shell/search?${new URLSearchParams({ q: query, lang: language })}`, { priority: "high" });
      if (!answer.ok) throw new Error(answer.statusText);
      found = await answer.json();
    } catch {
      found.status = texts["shell.failed"];
    }
  }
  // A later text was sent, or the page has taken over.
  if (number !== state.number || !host.isConnected) return;
  Object.assign(state, { query, tracks: found.tracks, status: found.status });
  draw();
}

function pick(id) {
  state.picked.push(id);
  note.textContent = `${texts.labels.picked.replace("#", state.picked.length)} ${texts["shell.loading"]}`;
  Object.assign(state, { query: "", tracks: [], status: "", number: state.number + 1 });
  draw();
}

// The search of the page calls this when it begins: it goes on with what was typed and picked here.
host.leave = () => {
  const { input, entered } = box.view;
  const left = { text: input.value, focused: root.activeElement === input, at: [input.selectionStart, input.selectionEnd], entered, picked: state.picked };
  clearTimeout(timer);
  host.remove();
  return left;
};
