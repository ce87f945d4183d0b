// Asks for fresh data every so many seconds, but only while a person can see the page.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".clock");
  const view = root.view ?? (root.view = start(root));
  view.tick = () => setTriggerValue("ticked", Date.now());
  view.seconds = data.seconds;
  // The answer to a tick, or to a change of the page: it is fresh from now on.
  view.since = Date.now();
}

function start(root) {
  const view = { since: Date.now(), seconds: 30, tick: () => undefined };
  const check = () => {
    if (!root.isConnected) return stop();
    if (document.hidden || Date.now() - view.since < 1000 * view.seconds) return;
    view.since = Date.now();
    view.tick();
  };
  const timer = setInterval(check, 1000);
  const stop = () => { clearInterval(timer); document.removeEventListener("visibilitychange", check); };
  document.addEventListener("visibilitychange", check);
  return view;
}
