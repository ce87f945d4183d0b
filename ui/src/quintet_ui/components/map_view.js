// The map: every song is a point, drawn pixel by pixel, so that no browser needs WebGL for it.
const NO_GENRE = 255, CELLS = 256, REACH = 14, MOST_FRAMES = 600, FAR = 60, NEAR = 0.8;
const HUES = ["#6f55f0", "#c2571a", "#0f8a7e", "#b5336f", "#3a78c9", "#8a7a12", "#7b4fa3", "#2f8f3e", "#c4453c", "#4a6b8a", "#9a6b2f", "#5b7f1e"];
const LIGHT = ["#a99bff", "#ff9d63", "#4fd1c1", "#ff86b8", "#83b8ff", "#e0cf5a", "#c79bf0", "#7ddc8b", "#ff8d85", "#9fc2e0", "#e0b070", "#b5dc6f"];

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".map");
  const view = root.view ?? (root.view = build(root));
  view.send = (kind, id) => setTriggerValue("acted", { kind, id, number: Date.now() });
  view.labels = data.labels;
  view.seeds = data.seeds;
  view.listed = data.listed;
  view.translated = data.genres ?? {};
  label(view);
  if (view.file !== data.places) { view.file = data.places; load(view, data); }
  redraw(view);
}

function build(root) {
  const view = { root, places: undefined, names: undefined, x: 0, y: 0, zoom: 1, frames: [], drawn: 0, picked: -1, pointers: new Map() };
  root.frames = view.frames;
  view.over = make("canvas", { class: "over", tabindex: "0", role: "application" });
  // Its pixels are written by this script, so they stay in the memory of the processor.
  view.pen = view.over.getContext("2d", { alpha: false, willReadFrequently: true });
  view.card = make("div", { class: "card", hidden: true });
  view.status = make("p", { class: "hidden", role: "status" });
  view.note = make("p", { class: "note" });
  view.tools = make("div", { class: "tools" });
  view.help = make("p", { class: "help" });
  view.regions = make("ul", { class: "regions" });
  root.replaceChildren(make("div", { class: "stage" }, view.over, view.tools, view.card), view.note, view.help, view.regions, view.status);
  listen(view);
  new ResizeObserver(() => redraw(view)).observe(view.over);
  return view;
}

// In the page's language, as the catalogue writes it if that has no translation ("Hip-Hop" is "hip hop").
function genreName(view, name) {
  return name && (view.translated[name.toLowerCase().replaceAll("-", " ")] ?? name);
}

function label(view) {
  const text = view.labels;
  view.over.setAttribute("aria-label", text.map);
  view.help.textContent = text.help;
  view.regions.setAttribute("aria-label", text.regions);
  const tool = (name, sign, act) => make("button", { type: "button", title: text[name], "aria-label": text[name], onclick: act }, icon(sign));
  view.tools.replaceChildren(tool("closer", "add", () => zoomBy(view, 1.6)), tool("further", "remove", () => zoomBy(view, 1 / 1.6)), tool("whole", "fit_screen", () => look(view, 0, 0, 1)));
  if (view.places) listRegions(view);
}

async function load(view, data) {
  view.note.textContent = view.labels.loading;
  try {
    view.places = indexed(await bytes(data.places));
    view.note.textContent = "";
    if (view.places.unplaced) view.note.textContent = view.labels.unplaced.replace("#", view.places.unplaced.toLocaleString());
    listRegions(view);
    redraw(view);
    const names = JSON.parse(new TextDecoder().decode(await bytes(data.names)));
    // Between two requests the catalogue may have changed: names of another map would be wrong ones.
    if (names.ids.length !== view.places.count) { view.file = undefined; return load(view, data); }
    view.names = names;
    view.rows = new Map(names.ids.map((id, row) => [id, row]));
    redraw(view);
  } catch {
    view.note.replaceChildren(view.labels.failed, " ", make("button", { type: "button", class: "again", onclick: () => load(view, data) }, view.labels.again));
  }
}

async function bytes(address) {
  const answer = await fetch(address, { signal: AbortSignal.timeout(30000) });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.arrayBuffer();
}

// The header, the places, and for each cell of a grid the songs in it.
function indexed(content) {
  const length = new DataView(content).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(content, 4, length)));
  const { count } = header, start = 4 + length;
  const x = new Float32Array(content, start, count), y = new Float32Array(content, start + 4 * count, count);
  const genre = new Uint8Array(content, start + 8 * count, count);
  const starts = new Uint32Array(CELLS * CELLS + 1), cell = new Uint32Array(count), rows = new Uint32Array(count);
  for (let row = 0; row < count; row++) { cell[row] = cellOf(x[row]) + CELLS * cellOf(y[row]); starts[cell[row] + 1]++; }
  for (let each = 0; each < CELLS * CELLS; each++) starts[each + 1] += starts[each];
  const next = starts.slice(0, -1);
  for (let row = 0; row < count; row++) rows[next[cell[row]]++] = row;
  return { ...header, x, y, genre, starts, rows, regions: regionsOf(header.genres, x, y, genre) };
}

function cellOf(value) {
  return Math.min(CELLS - 1, Math.max(0, Math.floor((value + 1) / 2 * CELLS)));
}

// Middle, size and number of songs of each genre, for labels and for the list.
function regionsOf(genres, x, y, genre) {
  const found = genres.map((name, number) => ({ name, number, count: 0, x: 0, y: 0, reach: 0 }));
  for (let row = 0; row < x.length; row++) {
    const region = found[genre[row]];
    if (region) { region.count++; region.x += x[row]; region.y += y[row]; }
  }
  for (const region of found) { region.x /= region.count; region.y /= region.count; }
  for (let row = 0; row < x.length; row++) {
    const region = found[genre[row]];
    if (region) region.reach += (x[row] - region.x) ** 2 + (y[row] - region.y) ** 2;
  }
  for (const region of found) region.reach = 2 * Math.sqrt(region.reach / region.count) + 0.02;
  return found;
}

function colours(view) {
  const background = getComputedStyle(view.root).backgroundColor;
  if (view.background === background) return;
  view.background = background;
  view.sprites = new Map();
  const [red, green, blue] = (background.match(/[\d.]+/g) ?? ["255", "255", "255"]).map(Number);
  view.dark = 0.3 * red + 0.6 * green + 0.1 * blue < 128;
  const wheel = view.dark ? LIGHT : HUES;
  view.hues = wheel;
  const packed = (hex) => (0xff << 24 | parseInt(hex.slice(5, 7), 16) << 16 | parseInt(hex.slice(3, 5), 16) << 8 | parseInt(hex.slice(1, 3), 16)) >>> 0;
  view.paper = (0xff << 24 | blue << 16 | green << 8 | red) >>> 0;
  view.colours = new Uint32Array(256).fill(packed(view.dark ? "#8d8a99" : "#9c99a8"));
  for (let number = 0; number < NO_GENRE; number++) view.colours[number] = packed(wheel[number % wheel.length]);
}

function redraw(view) {
  if (view.waiting) return;
  view.waiting = requestAnimationFrame(() => {
    view.waiting = undefined;
    const begin = performance.now();
    if (view.places && fit(view)) { points(view); over(view); }
    view.frames.push(performance.now() - begin);
    if (view.frames.length > MOST_FRAMES) view.frames.shift();
  });
}

// The canvas has the size of the stage; one pixel of it is one of the screen, up to two per unit.
function fit(view) {
  const { clientWidth: width, clientHeight: height } = view.over;
  if (!width || !height) return false;
  view.density = Math.min(2, window.devicePixelRatio || 1);
  view.width = Math.round(width * view.density);
  view.height = Math.round(height * view.density);
  if (view.over.width !== view.width || view.over.height !== view.height) { view.over.width = view.width; view.over.height = view.height; view.image = undefined; }
  if (!view.image) {
    view.image = view.pen.createImageData(view.width, view.height);
    view.pixels = new Uint32Array(view.image.data.buffer);
  }
  colours(view);
  view.scale = view.zoom * 0.46 * Math.min(view.width, view.height);
  return true;
}

const across = (view, x) => (x - view.x) * view.scale + view.width / 2;
const down = (view, y) => (view.y - y) * view.scale + view.height / 2;

function points(view) {
  const { pixels, width, height, scale, colours: colour } = view, { x, y, genre, count } = view.places;
  pixels.fill(view.paper);
  const size = Math.max(1, Math.round(view.density * Math.min(7, 1.2 * Math.sqrt(view.zoom) * Math.min(2.6, Math.sqrt(60000 / count)))));
  const left = width / 2 - view.x * scale - size / 2, top = height / 2 + view.y * scale - size / 2;
  const right = width - size, bottom = height - size, round = size > 3 ? 1 : 0;
  for (let row = 0; row < count; row++) {
    const column = x[row] * scale + left | 0, line = top - y[row] * scale | 0;
    if (column < 0 || line < 0 || column > right || line > bottom) continue;
    const paint = colour[genre[row]];
    for (let each = 0, start = line * width + column; each < size; each++, start += width) {
      const inset = round && (each === 0 || each === size - 1) ? 1 : 0;
      for (let at = start + inset; at < start + size - inset; at++) pixels[at] = paint;
    }
  }
  view.pen.putImageData(view.image, 0, 0);
}

function over(view) {
  const { pen } = view, ink = view.dark ? "#ffffff" : "#1d1a2b", paper = view.dark ? "#131120" : "#ffffff";
  labels(view, pen, ink, paper);
  if (view.rows) {
    for (const id of view.listed) mark(view, pen, view.rows.get(id), 5, "#ffd166", "#1d1a2b");
    for (const id of view.seeds) mark(view, pen, view.rows.get(id), 8, "#ff4d6d", paper);
  }
  mark(view, pen, view.picked, 7, "transparent", ink);
  if (view.root.getRootNode().activeElement === view.over && view.keys) cross(view, pen, ink);
}

// Big regions first; a label that would cover another one is left out until there is room.
function labels(view, pen, ink, paper) {
  const size = 13 * view.density, taken = [];
  for (const region of view.places.regions) {
    const x = across(view, region.x), y = down(view, region.y);
    if (x < 0 || y < 0 || x > view.width || y > view.height || region.reach * view.scale < size) continue;
    const text = sprite(view, genreName(view, region.name), size, ink, paper), half = text.width / 2;
    if (taken.some((other) => Math.abs(other.x - x) < other.half + half && Math.abs(other.y - y) < 1.5 * size)) continue;
    taken.push({ x, y, half });
    pen.drawImage(text, Math.round(x - half), Math.round(y - text.height / 2));
  }
}

// A label as a picture: writing it with an outline in each frame would take longer than all points.
function sprite(view, name, size, ink, paper) {
  const known = view.sprites.get(name);
  if (known && known.size === size) return known.canvas;
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  const font = `600 ${size}px ${getComputedStyle(view.root).fontFamily}`;
  pen.font = font;
  canvas.width = Math.ceil(pen.measureText(name).width + size);
  canvas.height = Math.ceil(1.6 * size);
  Object.assign(pen, { font, textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: size / 3, strokeStyle: paper, fillStyle: ink });
  pen.strokeText(name, canvas.width / 2, canvas.height / 2);
  pen.fillText(name, canvas.width / 2, canvas.height / 2);
  view.sprites.set(name, { canvas, size });
  return canvas;
}

function mark(view, pen, row, radius, fill, line) {
  if (row === undefined || row < 0) return;
  pen.beginPath();
  pen.arc(across(view, view.places.x[row]), down(view, view.places.y[row]), radius * view.density, 0, 2 * Math.PI);
  pen.fillStyle = fill;
  pen.fill();
  pen.lineWidth = 2 * view.density;
  pen.strokeStyle = line;
  pen.stroke();
}

function cross(view, pen, ink) {
  const x = view.width / 2, y = view.height / 2, arm = 12 * view.density;
  pen.beginPath();
  pen.moveTo(x - arm, y); pen.lineTo(x + arm, y); pen.moveTo(x, y - arm); pen.lineTo(x, y + arm);
  pen.lineWidth = 2 * view.density;
  pen.strokeStyle = ink;
  pen.stroke();
}

// The song nearest to a place of the canvas, within reach; -1 if there is none.
function nearest(view, left, top, reach = REACH) {
  if (!view.places) return -1;
  const { x, y, starts, rows } = view.places;
  const middleX = (left - view.width / 2) / view.scale + view.x, middleY = view.y - (top - view.height / 2) / view.scale;
  const far = reach * view.density / view.scale;
  let best = -1, least = far * far;
  for (let line = cellOf(middleY - far); line <= cellOf(middleY + far); line++) {
    for (let place = starts[cellOf(middleX - far) + CELLS * line]; place < starts[cellOf(middleX + far) + CELLS * line + 1]; place++) {
      const row = rows[place], distance = (x[row] - middleX) ** 2 + (y[row] - middleY) ** 2;
      if (distance < least) { least = distance; best = row; }
    }
  }
  return best;
}

function look(view, x, y, zoom) {
  view.zoom = Math.min(FAR, Math.max(NEAR, zoom));
  view.x = Math.min(1, Math.max(-1, x));
  view.y = Math.min(1, Math.max(-1, y));
  close(view);
  redraw(view);
}

// The place under the pointer stays under it.
function zoomBy(view, factor, left = view.width / 2, top = view.height / 2) {
  if (!view.places) return;
  const zoom = Math.min(FAR, Math.max(NEAR, view.zoom * factor)), change = 1 - view.zoom / zoom;
  look(view, view.x + (left - view.width / 2) / view.scale * change, view.y - (top - view.height / 2) / view.scale * change, zoom);
}

function at(view, event) {
  const frame = view.over.getBoundingClientRect();
  return [(event.clientX - frame.left) * view.density, (event.clientY - frame.top) * view.density];
}

function listen(view) {
  const canvas = view.over;
  canvas.addEventListener("wheel", (event) => {
    if (!view.places) return;
    event.preventDefault();
    zoomBy(view, Math.exp(-Math.max(-120, Math.min(120, event.deltaY)) / 300), ...at(view, event));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    view.keys = false;
    view.pointers.set(event.pointerId, at(view, event));
    view.moved = view.pointers.size > 1;
  });
  canvas.addEventListener("pointermove", (event) => moved(view, event));
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      const held = view.pointers.delete(event.pointerId);
      if (held && name === "pointerup" && !view.moved && view.pointers.size === 0) choose(view, nearest(view, ...at(view, event)));
    });
  }
  canvas.addEventListener("pointerleave", () => { if (!view.pinned) close(view); });
  canvas.addEventListener("keydown", (event) => pressed(view, event));
  for (const name of ["focus", "blur"]) canvas.addEventListener(name, () => { view.keys = name === "focus" && canvas.matches(":focus-visible"); redraw(view); });
  view.root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || view.card.hidden) return;
    event.preventDefault();
    close(view);
    canvas.focus({ preventScroll: true });
  });
}

function moved(view, event) {
  if (!view.places) return;
  const now = at(view, event), before = view.pointers.get(event.pointerId);
  if (!before) { if (!view.pinned) hover(view, nearest(view, ...now)); return; }
  if (view.pointers.size === 2) {
    const [other] = [...view.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    const gap = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
    zoomBy(view, gap(now) / Math.max(1, gap(before)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  } else if (view.moved || Math.hypot(now[0] - before[0], now[1] - before[1]) > 4 * view.density) {
    view.moved = true;
    look(view, view.x - (now[0] - before[0]) / view.scale, view.y + (now[1] - before[1]) / view.scale, view.zoom);
  } else return;
  view.pointers.set(event.pointerId, now);
}

function pressed(view, event) {
  if (!view.places || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = 0.15 / view.zoom;
  const acts = {
    ArrowLeft: () => look(view, view.x - step, view.y, view.zoom), ArrowRight: () => look(view, view.x + step, view.y, view.zoom),
    ArrowUp: () => look(view, view.x, view.y + step, view.zoom), ArrowDown: () => look(view, view.x, view.y - step, view.zoom),
    "+": () => zoomBy(view, 1.6), "=": () => zoomBy(view, 1.6), "-": () => zoomBy(view, 1 / 1.6), 0: () => look(view, 0, 0, 1),
    Enter: () => choose(view, middle(view)),
  };
  if (!acts[event.key]) return;
  event.preventDefault();
  event.stopPropagation();
  view.keys = true;
  acts[event.key]();
  if (event.key !== "Enter") view.status.textContent = described(view, middle(view));
}

function middle(view) {
  return nearest(view, view.width / 2, view.height / 2, 200);
}

function described(view, row) {
  if (row < 0) return view.labels.nothing;
  const { titles, artists } = view.names ?? { titles: [], artists: [] };
  return [titles[row] ?? view.labels.loading, artists[row], genreName(view, view.places.genres[view.places.genre[row]])].filter(Boolean).join(" · ");
}

function hover(view, row) {
  if (row === view.picked && !view.card.hidden) return;
  view.picked = row;
  if (row < 0) close(view);
  else show(view, row, []);
  redraw(view);
}

function choose(view, row) {
  if (row < 0 || !view.names) return close(view);
  view.picked = row;
  view.pinned = true;
  const id = view.names.ids[row];
  const button = (kind, sign) => make("button", { type: "button", class: kind, disabled: kind === "add" && view.seeds.includes(id),
    onclick: () => { close(view); view.over.focus({ preventScroll: true }); view.send(kind, id); } }, icon(sign), view.labels[kind]);
  show(view, row, [make("div", { class: "acts" }, button("add", "add"), button("from", "queue_music"),
    make("button", { type: "button", class: "close", "aria-label": view.labels.close, title: view.labels.close, onclick: () => { close(view); view.over.focus({ preventScroll: true }); } }, icon("close")))]);
  view.status.textContent = described(view, row);
  view.card.querySelector("button:enabled").focus({ preventScroll: true });
  redraw(view);
}

function show(view, row, more) {
  const [title, ...rest] = described(view, row).split(" · ");
  view.card.replaceChildren(make("strong", {}, title), make("span", {}, rest.join(" · ")), ...more);
  view.card.hidden = false;
  view.card.classList.toggle("pinned", more.length > 0);
  const left = across(view, view.places.x[row]) / view.density, top = down(view, view.places.y[row]) / view.density;
  const width = view.over.clientWidth, height = view.over.clientHeight;
  view.card.style.left = `${Math.max(4, Math.min(left + 12, width - view.card.offsetWidth - 4))}px`;
  view.card.style.top = `${Math.max(4, Math.min(top + 12, height - view.card.offsetHeight - 4))}px`;
}

function close(view) {
  view.pinned = false;
  view.picked = -1;
  view.card.hidden = true;
  redraw(view);
}

function listRegions(view) {
  colours(view);
  view.regions.replaceChildren(...view.places.regions.slice(0, 60).map((region) => make("li", {},
    make("button", { type: "button", onclick: () => {
      look(view, region.x, region.y, 0.8 / region.reach);
      view.status.textContent = view.labels.region.replace("#", region.count.toLocaleString()).replace("@", () => genreName(view, region.name));
    } }, make("span", { class: "dot", "aria-hidden": "true", style: `background:${view.hues[region.number % view.hues.length]}` }),
    genreName(view, region.name), make("span", { class: "count" }, region.count.toLocaleString())))));
}
