// Five seeds in a bar: each holds a track, and its menu how much it counts, where it stands, and removal.
const FAR = 8; // pixels: less is a click

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".seeds");
  const view = root.view ?? (root.view = build(root));
  view.send = setTriggerValue;
  draw(view, data);
}

function draw(view, data) {
  const { root } = view;
  view.data = data;
  const focused = view.next || root.getRootNode().activeElement?.dataset?.control;
  const { labels, seeds, count } = data;
  if (!seeds.some((seed) => seed.id === view.open)) view.open = "";
  const items = seeds.map((seed, place) => seedItem(view, data, seed, place));
  for (let place = seeds.length; place < count; place += 1) {
    items.push(make("li", { class: "seed empty" }, make("span", { class: "cover" }, icon("add")), make("span", { class: "names" }, labels.empty.replace("#", place + 1))));
  }
  root.setAttribute("aria-label", labels.heading);
  root.replaceChildren(...items);
  // The bar is redrawn: a control that was used gets the focus back.
  const again = focused && root.querySelector(`[data-control="${CSS.escape(focused)}"]`);
  if (again) { again.focus({ preventScroll: true }); view.next = ""; }
}

function build(root) {
  const view = { root, open: "", next: "" };
  followSound(root);
  shared.addEventListener("picked", ({ detail: { track } }) => {
    const { seeds, count } = view.data ?? {};
    if (!root.isConnected || !seeds || seeds.length >= count || seeds.some((seed) => seed.id === track.id)) return;
    draw(view, { ...view.data, seeds: [...seeds, { ...track, weight: 1, against: false }] });
  });
  view.show = (id) => {
    view.open = id;
    for (const item of root.children) {
      const menu = item.querySelector(".menu");
      if (!menu) continue;
      menu.hidden = item.dataset.id !== id;
      item.querySelector(".slot").setAttribute("aria-expanded", String(!menu.hidden));
    }
  };
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !view.open) return;
    const slot = [...root.children].find((item) => item.dataset.id === view.open)?.querySelector(".slot");
    view.show("");
    slot?.focus();
    event.stopPropagation();
  });
  document.addEventListener("focusin", (event) => { if (root.isConnected && view.open && !event.composedPath().includes(root)) view.show(""); });
  document.addEventListener("pointerdown", (event) => { if (root.isConnected && view.open && !event.composedPath().includes(root)) view.show(""); });
  return view;
}

function seedItem(view, data, seed, place) {
  const { labels, seeds } = data;
  // A function, because a title such as "$&" is a pattern to replace.
  const told = (text) => text.replace("#", () => seed.title);
  const change = (facts) => send(view, seeds.map((each) => each === seed ? { ...each, ...facts } : each));
  const level = data.levels.reduce((best, each) => Math.abs(each.weight - seed.weight) < Math.abs(best.weight - seed.weight) ? each : best);
  const weights = data.levels.map((each) => tool(`${each.name}-${seed.id}`, "", labels[each.name], { "aria-pressed": String(each === level), onclick: () => change({ weight: each.weight }) }));
  const inMenu = playCover(seed, () => view.data.seeds, "seeds");
  inMenu.dataset.control = `menu-${inMenu.dataset.control}`;
  const menu = make("div", { class: "menu", role: "group", "aria-label": seed.title, hidden: view.open !== seed.id },
    make("div", { class: "head" }, inMenu, make("span", { class: "title" }, seed.title)),
    make("div", { class: "group", role: "group", "aria-label": told(labels.weight) }, ...weights),
    tool(`against-${seed.id}`, "thumb_down", labels.less, { "aria-pressed": String(seed.against), "aria-label": told(labels.lessOf), onclick: () => change({ against: !seed.against }) }),
    make("div", { class: "group" },
      tool(`left-${seed.id}`, "arrow_back", labels.earlier, { "aria-label": told(labels.left), disabled: place === 0, onclick: () => send(view, moved(seeds, place, place - 1)) }),
      tool(`right-${seed.id}`, "arrow_forward", labels.later, { "aria-label": told(labels.right), disabled: place === seeds.length - 1, onclick: () => send(view, moved(seeds, place, place + 1)) })),
    tool(`remove-${seed.id}`, "close", labels.removeIt, { "aria-label": told(labels.remove), onclick: () => removed(view, seed, place) }));
  const play = playCover(seed, () => view.data.seeds, "seeds");
  // With little room, the cover is that of the slot and opens the menu, which plays then.
  const slot = make("button", { type: "button", class: "slot", "aria-haspopup": "true", "aria-expanded": String(view.open === seed.id), "data-control": `slot-${seed.id}` },
  cover(seed), make("span", { class: "names" }, make("span", { class: "title" }, seed.title), make("span", { class: "byline" }, seed.byline)),
  level.weight === 1 && !seed.against ? "" : make("span", { class: "share" }, seed.against ? labels.less : labels[level.name]),
  make("span", { class: "hidden" }, ` ${labels.menu}`));
  const item = make("li", { class: `seed${seed.against ? " against" : ""}`, "data-id": seed.id }, play, slot, menu);
  drag(view, item, slot, seeds, place);
  return item;
}

// A seed that was removed comes back to its place among those that are there then.
function removed(view, seed, place) {
  const others = view.data.seeds.filter((each) => each.id !== seed.id), near = others[place] ?? others[place - 1];
  if (near) view.next = `slot-${near.id}`;
  send(view, others);
  say("remove", seed.title, (hadFocus) => {
    const rest = view.data.seeds.filter((each) => each.id !== seed.id);
    if (hadFocus) view.next = `slot-${seed.id}`;
    send(view, [...rest.slice(0, place), seed, ...rest.slice(place)].slice(0, view.data.count));
  });
}

// A seed is dragged by mouse, pen or finger; a press that stays in its place is one of its buttons.
function drag(view, item, slot, seeds, place) {
  let start = null, wasMoved = false;
  slot.addEventListener("click", () => view.show(view.open === seeds[place].id ? "" : seeds[place].id));
  item.addEventListener("dragstart", (event) => event.preventDefault());
  item.addEventListener("click", (event) => { if (wasMoved && event.detail) { event.stopPropagation(); wasMoved = false; } }, true);
  const move = (event) => {
    if (wasMoved || Math.abs(event.clientX - start) <= FAR) return;
    wasMoved = true;
    item.classList.add("dragged");
    view.show("");
  };
  const end = (event) => {
    for (const [name, act] of heard) document.removeEventListener(name, act);
    item.classList.remove("dragged");
    if (!wasMoved || event.type === "pointercancel" || !item.isConnected) return;
    const items = [...item.parentElement.children].slice(0, seeds.length);
    const to = items.findIndex((each) => { const box = each.getBoundingClientRect(); return event.clientX >= box.left && event.clientX <= box.right; });
    if (to >= 0 && to !== place) send(view, moved(seeds, place, to));
  };
  // A fast pointer leaves the item before it moves on it: the whole page is listened to.
  const heard = [["pointermove", move], ["pointerup", end], ["pointercancel", end]];
  item.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".menu") || event.button) return;
    start = event.clientX;
    wasMoved = false;
    for (const [name, act] of heard) document.addEventListener(name, act);
  });
}

function tool(control, sign, text, facts) {
  return make("button", { type: "button", class: "tool", "data-control": control, ...facts }, sign ? icon(sign) : "", text);
}

function moved(seeds, from, to) {
  const order = [...seeds];
  order.splice(to, 0, ...order.splice(from, 1));
  return order;
}

// What changes shows at once; the page confirms it.
function send(view, seeds) {
  draw(view, { ...view.data, seeds });
  view.send("changed", seeds.map(({ id, weight, against }) => ({ id, weight, against })));
}
