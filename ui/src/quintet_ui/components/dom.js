// Small helpers that every component here starts with. Text only ever enters as text.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== ""));
  return element;
}

function icon(name) {
  return make("span", { class: "icon", "aria-hidden": "true" }, name);
}

function cover(track) {
  const picture = make("img", { class: "cover", alt: "", src: track.cover || track.drawn, loading: "lazy" });
  // A cover from elsewhere may be gone; the one drawn from the features never is.
  picture.addEventListener("error", () => { if (picture.src !== track.drawn) picture.src = track.drawn; });
  return picture;
}

// The components of one page run apart from each other; this is how one of them reaches the others.
const shared = (window.quintet ??= new EventTarget());

function publish(name, detail) {
  shared.dispatchEvent(new CustomEvent(name, { detail }));
}

// Says at once what was done, with a way to undo it (toast.js). `undo` is called with whether the
// focus was on its button: then it has to go on elsewhere.
function say(what, name, undo) {
  publish("said", { what, name, undo });
}

// Numbers a message to the page, which reads each number once. It is greater than those of an earlier
// visit to this page in the same session.
function nextNumber(view) {
  return (view.number = Math.max(view.number + 1, Date.now()));
}
