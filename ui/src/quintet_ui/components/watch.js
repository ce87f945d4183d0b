// Says in the page's language that its server does not answer; Streamlit tries to connect again by itself.
const PATIENCE_MS = 1500; // a short interruption needs no words
const STATE = "data-test-connection-state";

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".watch");
  const view = root.view ?? (root.view = build(root));
  view.lost.textContent = data.labels.lost;
  view.back.textContent = data.labels.back;
}

function build(root) {
  const view = { timer: 0, lost: make("p", { class: "lost", role: "alert", hidden: true }), back: make("p", { class: "hidden", role: "status", hidden: true }) };
  root.append(view.lost, view.back);
  const app = document.querySelector(`[${STATE}]`);
  const check = () => {
    const isConnected = app.getAttribute(STATE) === "CONNECTED";
    clearTimeout(view.timer);
    if (isConnected) {
      view.back.hidden = view.lost.hidden;
      view.lost.hidden = true;
    } else view.timer = setTimeout(() => { view.lost.hidden = false; view.back.hidden = true; }, PATIENCE_MS);
  };
  if (app) new MutationObserver(check).observe(app, { attributes: true, attributeFilter: [STATE] });
  return view;
}
