// The songs of a radio: the one of now, and those that follow. They play in the player of the page.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".radio");
  const view = root.view ?? (root.view = build(root));
  view.send = (left) => setTriggerValue("left", left);
  const { labels, tracks } = view.data = data;
  const focused = root.getRootNode().activeElement?.dataset?.control;
  root.setAttribute("aria-label", labels.heading);
  root.replaceChildren(...tracks.map((track, place) => row(view, track, place)));
  const again = focused && root.querySelector(`[data-control="${CSS.escape(focused)}"]`);
  if (again) again.focus({ preventScroll: true });
  publish("follow", { place: "radio", tracks });
  if (data.liked && data.liked.number !== view.liked) say("radioLike", data.liked.title);
  view.liked = data.liked?.number;
}

function build(root) {
  followSound(root);
  const view = { number: 0 };
  // A song that ended or was passed over in the player is finished or skipped here too.
  shared.addEventListener("left", ({ detail }) => {
    if (!root.isConnected || detail.place !== "radio" || view.data.tracks[0]?.id !== detail.id) return;
    view.send({ id: detail.id, how: detail.how, number: nextNumber(view) });
  });
  return view;
}

function row({ data }, track, place) {
  const { labels } = data, isNow = place === 0;
  return make("li", { class: isNow ? "now" : "", "data-id": track.id, "aria-current": isNow ? "true" : undefined },
    playCover(track, () => data.tracks, "radio"),
    make("div", { class: "names" },
      isNow ? make("span", { class: "place" }, labels.now.replace("#", track.place)) : "",
      make("span", { class: "title" }, track.title), make("span", { class: "byline" }, track.byline),
      track.transition ? make("span", { class: "byline" }, track.transition) : ""));
}
