// The mood pad: energy upward, happiness to the right; presets above it, tempo below it.
const STEP = 5; // percent: one press of an arrow key
const SENT_MS = 350; // after the last press of a key

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".mood");
  const view = root.view ?? (root.view = build(root));
  view.send = (facts) => setTriggerValue("tuned", { ...facts, number: (view.sent += 1) });
  view.data = data;
  show(view);
}

function build(root) {
  const view = { sent: 0, timer: 0, dragged: false };
  view.presets = make("div", { class: "group", role: "group" });
  view.dots = make("div", { class: "dots", "aria-hidden": "true" });
  view.aim = make("span", { class: "aim", "aria-hidden": "true" });
  view.energy = slider(view, "energy");
  view.valence = slider(view, "valence");
  const edge = (side) => make("span", { class: `edge ${side}`, "aria-hidden": "true" });
  view.edges = { top: edge("top"), bottom: edge("bottom"), left: edge("left"), right: edge("right") };
  view.pad = make("div", { class: "pad", role: "group" }, view.dots, view.aim, ...Object.values(view.edges), view.energy, view.valence);
  view.legend = make("p", { class: "legend" });
  view.status = make("span", {});
  view.clear = make("button", { type: "button", class: "clear", "data-control": "clear", onclick: () => view.send({ kind: "mood", mood: null }) });
  view.tempo = make("div", { class: "group", role: "group" });
  view.name = make("span", { class: "name", "aria-hidden": "true" });
  root.append(view.presets, view.pad, make("div", { class: "line" }, view.status, view.clear), view.legend, view.name, view.tempo);
  const moved = (event) => {
    const box = view.pad.getBoundingClientRect(), percent = (part) => Math.round(Math.min(1, Math.max(0, part)) * 100);
    place(view, { valence: percent((event.clientX - box.left) / box.width), energy: percent((box.bottom - event.clientY) / box.height) });
  };
  view.pad.addEventListener("pointerdown", (event) => { view.dragged = true; view.pad.setPointerCapture(event.pointerId); moved(event); });
  view.pad.addEventListener("pointermove", (event) => { if (view.dragged) moved(event); });
  view.pad.addEventListener("pointerup", () => { if (view.dragged) { view.dragged = false; announce(view); } });
  view.pad.addEventListener("pointercancel", () => { view.dragged = false; show(view); });
  return view;
}

// A slider for the keyboard and for screen readers: the pad shows what it does.
function slider(view, name) {
  return make("input", {
    type: "range", class: "hidden", min: "0", max: "100", step: String(STEP), "data-control": name,
    oninput: () => {
      place(view, { energy: Number(view.energy.value), valence: Number(view.valence.value) });
      clearTimeout(view.timer);
      view.timer = setTimeout(() => announce(view), SENT_MS);
    },
  });
}

function announce(view) {
  view.send({ kind: "mood", mood: { energy: Number(view.energy.value) / 100, valence: Number(view.valence.value) / 100 } });
}

function place(view, { energy, valence }) {
  view.energy.value = String(energy);
  view.valence.value = String(valence);
  view.aim.hidden = false;
  view.aim.className = "aim";
  view.aim.style.left = `${view.valence.value}%`;
  view.aim.style.bottom = `${view.energy.value}%`;
  words(view, true);
}

function words(view, isSet) {
  const { labels } = view.data;
  for (const input of [view.energy, view.valence]) input.setAttribute("aria-valuetext", isSet ? `${input.value} %` : labels.any);
  view.status.textContent = isSet ? labels.aim.replace("#", view.energy.value).replace("#", view.valence.value) : labels.hint;
}

function show(view) {
  if (view.dragged) return;
  const { labels, mood, presets, tempi, dots } = view.data;
  view.presets.setAttribute("aria-label", labels.presets);
  view.presets.replaceChildren(...presets.map((each) => choice(view, "preset", each)));
  view.tempo.setAttribute("aria-label", labels.tempo);
  view.name.textContent = labels.tempo;
  view.tempo.replaceChildren(...tempi.map((each) => choice(view, "tempo", each)));
  view.pad.setAttribute("aria-label", labels.pad);
  view.energy.setAttribute("aria-label", labels.energy);
  view.valence.setAttribute("aria-label", labels.valence);
  for (const [side, edge] of Object.entries(view.edges)) edge.textContent = labels[side];
  view.clear.textContent = labels.clear;
  view.clear.hidden = mood.energy === null && mood.valence === null;
  view.legend.replaceChildren(
    make("span", { class: "dot mine", "aria-hidden": "true" }), ` ${labels.seeds}  `,
    make("span", { class: "dot", "aria-hidden": "true" }), ` ${labels.list}`);
  view.dots.replaceChildren(...dots.map((dot) => make("span", {
    class: `dot ${dot.kind}`, title: dot.title, style: `left:${100 * dot.valence}%;bottom:${100 * dot.energy}%`,
  })));
  const both = mood.energy !== null && mood.valence !== null;
  place(view, { energy: percent(mood.energy), valence: percent(mood.valence) });
  words(view, both);
  // A preset may aim at one of both: a line, in place of a point.
  view.aim.hidden = mood.energy === null && mood.valence === null;
  view.aim.className = both ? "aim" : `aim ${mood.energy === null ? "upright" : "level"}`;
  if (!both && !view.aim.hidden) view.status.textContent = "";
}

function percent(share) {
  return share === null ? 50 : Math.round(100 * share);
}

function choice(view, kind, { name, label, help, pressed }) {
  return make("button", {
    type: "button", class: `choice ${kind}`, title: help, "aria-pressed": String(pressed), "data-control": `${kind}-${name}`,
    onclick: () => view.send({ kind, name: pressed ? "" : name }),
  }, label);
}
