// What was done last, with a button that undoes it, at the bottom of the window over everything else.
const STAYS_MS = 8000;

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".toast");
  const view = root.view ?? (root.view = build(root));
  view.labels = data.labels;
}

function build(root) {
  const view = { root, labels: {}, timer: 0 };
  // It is on the page before it says something: only then a screen reader reads what it says.
  root.setAttribute("popover", "manual");
  root.setAttribute("role", "status");
  lift(view);
  shared.addEventListener("said", ({ detail }) => { if (root.isConnected) show(view, detail); });
  root.addEventListener("pointerenter", () => clearTimeout(view.timer));
  root.addEventListener("pointerleave", () => wait(view));
  root.addEventListener("focusin", () => clearTimeout(view.timer));
  root.addEventListener("focusout", () => wait(view));
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close(view);
  });
  return view;
}

// The top layer of the browser is above a sheet, a player and every other part of the page.
function lift({ root }) {
  if (root.isConnected && root.showPopover && !root.matches(":popover-open")) root.showPopover();
}

function show(view, { what, name, undo }) {
  const { root, labels } = view;
  // A function, because a title such as "$&" is a pattern to replace.
  const text = make("span", { class: "said" }, (labels[what] ?? "").replace("#", () => name));
  const press = () => {
    const hadFocus = root.contains(root.getRootNode().activeElement);
    undo(hadFocus);
    show(view, { what: "undone", name });
  };
  lift(view);
  root.replaceChildren(make("div", { class: "box" }, text,
    undo ? make("button", { type: "button", class: "undo", title: labels.keys, "aria-keyshortcuts": "Control+Z", onclick: press }, icon("undo"), labels.undo) : ""));
  wait(view);
}

function wait(view) {
  const { root } = view;
  clearTimeout(view.timer);
  view.timer = setTimeout(() => {
    // A pointer that came with the toast never entered it.
    if (root.matches(":hover") || root.contains(root.getRootNode().activeElement)) wait(view);
    else close(view);
  }, STAYS_MS);
}

function close(view) {
  clearTimeout(view.timer);
  view.root.replaceChildren();
}
