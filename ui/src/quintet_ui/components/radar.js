// The radar: several shapes over the same attributes, each with its own line, and a legend below.
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 360, HEIGHT = 300, RADIUS = 100, RINGS = 4;

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".radar");
  const facts = JSON.stringify(data);
  // Each run of the page gives the same data again.
  if (root.facts === facts) return;
  root.facts = facts;
  root.replaceChildren(picture(data), make("ul", { class: "legend" }, ...data.shapes.map(entry)));
}

function draw(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// The first attribute is at the top; the others follow clockwise.
function place(index, count, share) {
  const angle = 2 * Math.PI * (index / count) - Math.PI / 2;
  return [WIDTH / 2 + RADIUS * share * Math.cos(angle), HEIGHT / 2 + RADIUS * share * Math.sin(angle)].map((part) => Math.round(part * 10) / 10);
}

function picture({ labels, axes, shapes }) {
  const rings = Array.from({ length: RINGS }, (_, ring) => draw("circle", { class: "ring", cx: WIDTH / 2, cy: HEIGHT / 2, r: (RADIUS * (ring + 1)) / RINGS }));
  const spokes = axes.map((_, index) => {
    const [x, y] = place(index, axes.length, 1);
    return draw("line", { class: "ring", x1: WIDTH / 2, y1: HEIGHT / 2, x2: x, y2: y });
  });
  const names = axes.map((name, index) => {
    const [x, y] = place(index, axes.length, 1.12);
    const side = Math.abs(x - WIDTH / 2) < 5 ? "centred" : x < WIDTH / 2 ? "leftward" : "";
    return draw("text", { class: `axis ${side}`, x, y }, name);
  });
  const drawn = shapes.map((shape, number) => outline(shape, number, axes));
  return draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": labels.heading }, ...rings, ...spokes, ...drawn, ...names);
}

// An attribute that nobody analysed has no point, and the line has a gap there.
function outline({ title, points }, number, axes) {
  const count = points.length;
  const known = points.map(({ share }) => share !== null);
  const steps = Array.from({ length: count + 1 }, (_, step) => step % count).map((index, step) => {
    if (!known[index]) return "";
    const joined = step > 0 && known[(index + count - 1) % count];
    return `${joined ? "L" : "M"}${place(index, count, points[index].share)}`;
  });
  const dots = points.flatMap(({ share, text }, index) => {
    if (share === null) return [];
    const [cx, cy] = place(index, count, share);
    return draw("circle", { class: "dot", cx, cy, r: 3 }, draw("title", {}, `${axes[index]}: ${text} (${title})`));
  });
  return draw("g", { class: `shape shape${number}` }, draw("path", { d: steps.join("") }), ...dots);
}

function entry({ title }, number) {
  const sample = draw("svg", { viewBox: "0 0 28 8", class: "sample", "aria-hidden": "true" }, draw("g", { class: `shape shape${number}` }, draw("path", { d: "M0 4L28 4" })));
  return make("li", {}, sample, make("span", { class: "name" }, title));
}
