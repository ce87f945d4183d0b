// Five seats: each holds a track, its weight and whether the list moves away from it.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".seats");
  const view = root.view ?? (root.view = {});
  view.send = setTriggerValue;
  const focused = root.getRootNode().activeElement?.dataset?.control;
  const { labels, seats, count } = data;
  const items = seats.map((seat, place) => chair(view, data, seat, place));
  for (let place = seats.length; place < count; place += 1) {
    items.push(make("li", { class: "seat empty" }, make("span", {}, labels.empty.replace("#", place + 1))));
  }
  root.setAttribute("aria-label", labels.heading);
  root.replaceChildren(...items);
  // A control that was used keeps the focus where it still is.
  const again = focused && root.querySelector(`[data-control="${CSS.escape(focused)}"]`);
  if (again) again.focus();
}

function chair(view, data, seat, place) {
  const { labels, seats } = data;
  const told = (text) => text.replace("#", seat.title);
  const change = (facts) => send(view, seats.map((each) => each === seat ? { ...each, ...facts } : each));
  const weight = make("output", {}, labels.times.replace("#", seat.weight));
  const item = make("li", { class: `seat${seat.against ? " against" : ""}`, draggable: "true", "data-id": seat.id },
    make("div", { class: "track" }, cover(seat), make("span", { class: "names" },
      make("span", { class: "title" }, seat.title), make("span", { class: "byline" }, seat.byline))),
    make("label", { class: "weight" }, make("span", {}, labels.weight, make("span", { class: "hidden" }, ` ${seat.title}`)),
      make("input", {
        type: "range", min: data.least, max: data.most, step: 0.25, value: seat.weight, "data-control": `weight-${seat.id}`,
        oninput: (event) => { weight.textContent = labels.times.replace("#", event.target.value); },
        onchange: (event) => change({ weight: Number(event.target.value) }),
      }), weight),
    make("button", {
      class: "less", type: "button", "aria-pressed": String(seat.against), "data-control": `less-${seat.id}`,
      "aria-label": told(labels.lessOf), onclick: () => change({ against: !seat.against }),
    }, icon(seat.against ? "thumb_down" : "remove"), labels.less),
    make("div", { class: "tools" },
      tool(`left-${seat.id}`, "arrow_back", told(labels.left), place === 0, () => send(view, moved(seats, place, place - 1))),
      tool(`right-${seat.id}`, "arrow_forward", told(labels.right), place === seats.length - 1, () => send(view, moved(seats, place, place + 1))),
      tool(`remove-${seat.id}`, "close", told(labels.remove), false, () => send(view, seats.filter((each) => each !== seat)))));
  item.addEventListener("dragstart", (event) => { if (event.target === item) event.dataTransfer.setData("text/plain", String(place)); });
  item.addEventListener("dragover", (event) => event.preventDefault());
  item.addEventListener("drop", (event) => {
    event.preventDefault();
    const from = Number(event.dataTransfer.getData("text/plain"));
    if (Number.isInteger(from) && seats[from] && from !== place) send(view, moved(seats, from, place));
  });
  return item;
}

function tool(control, sign, label, disabled, onclick) {
  return make("button", { type: "button", class: "tool", "aria-label": label, title: label, disabled, "data-control": control, onclick }, icon(sign));
}

function moved(seats, from, to) {
  const order = [...seats];
  order.splice(to, 0, ...order.splice(from, 1));
  return order;
}

function send(view, seats) {
  view.send("changed", seats.map(({ id, weight, against }) => ({ id, weight, against })));
}
