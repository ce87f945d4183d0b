// Five seeds: each holds a track, its weight and whether the list moves away from it.
export default function ({ data: [data], parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".seeds");
  const view = root.view ?? (root.view = {});
  view.send = setTriggerValue;
  const focused = root.getRootNode().activeElement?.dataset?.control;
  const { labels, seeds, count } = data;
  const items = seeds.map((seed, place) => seedItem(view, data, seed, place));
  for (let place = seeds.length; place < count; place += 1) {
    items.push(make("li", { class: "seed empty" }, make("span", {}, labels.empty.replace("#", place + 1))));
  }
  root.setAttribute("aria-label", labels.heading);
  root.replaceChildren(...items);
  // The list is redrawn: a control that was used gets the focus back.
  const again = focused && root.querySelector(`[data-control="${CSS.escape(focused)}"]`);
  if (again) again.focus();
}

function seedItem(view, data, seed, place) {
  const { labels, seeds } = data;
  // A function, because a title such as "$&" is a pattern to replace.
  const told = (text) => text.replace("#", () => seed.title);
  const change = (facts) => send(view, seeds.map((each) => each === seed ? { ...each, ...facts } : each));
  const weight = make("output", {}, labels.times.replace("#", seed.weight));
  const item = make("li", { class: `seed${seed.against ? " against" : ""}`, draggable: "true", "data-id": seed.id },
    make("div", { class: "track" }, cover(seed), make("span", { class: "names" },
      make("span", { class: "title" }, seed.title), make("span", { class: "byline" }, seed.byline))),
    make("label", { class: "weight" }, make("span", {}, labels.weight, make("span", { class: "hidden" }, ` ${seed.title}`)),
      make("input", {
        type: "range", min: data.least, max: data.most, step: 0.25, value: seed.weight, "data-control": `weight-${seed.id}`,
        oninput: (event) => { weight.textContent = labels.times.replace("#", event.target.value); },
        onchange: (event) => change({ weight: Number(event.target.value) }),
      }), weight),
    make("button", {
      class: "less", type: "button", "aria-pressed": String(seed.against), "data-control": `less-${seed.id}`,
      "aria-label": told(labels.lessOf), onclick: () => change({ against: !seed.against }),
    }, icon(seed.against ? "thumb_down" : "remove"), labels.less),
    make("div", { class: "tools" },
      tool(`left-${seed.id}`, "arrow_back", told(labels.left), place === 0, () => send(view, moved(seeds, place, place - 1))),
      tool(`right-${seed.id}`, "arrow_forward", told(labels.right), place === seeds.length - 1, () => send(view, moved(seeds, place, place + 1))),
      tool(`remove-${seed.id}`, "close", told(labels.remove), false, () => send(view, seeds.filter((each) => each !== seed)))));
  item.addEventListener("dragstart", (event) => { if (event.target === item) event.dataTransfer.setData("text/plain", String(place)); });
  item.addEventListener("dragover", (event) => event.preventDefault());
  item.addEventListener("drop", (event) => {
    event.preventDefault();
    const from = Number(event.dataTransfer.getData("text/plain"));
    if (Number.isInteger(from) && seeds[from] && from !== place) send(view, moved(seeds, from, place));
  });
  return item;
}

function tool(control, sign, label, disabled, onclick) {
  return make("button", { type: "button", class: "tool", "aria-label": label, title: label, disabled, "data-control": control, onclick }, icon(sign));
}

function moved(seeds, from, to) {
  const order = [...seeds];
  order.splice(to, 0, ...order.splice(from, 1));
  return order;
}

function send(view, seeds) {
  view.send("changed", seeds.map(({ id, weight, against }) => ({ id, weight, against })));
}
