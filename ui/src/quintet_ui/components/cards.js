// The ranked list. Cards are kept by track, so that what plays goes on while the list is refined.
export default function ({ data: [data], parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".cards");
  const view = root.view ?? (root.view = { cards: new Map(), sent: 0 });
  view.send = (facts) => setTriggerValue("acted", { ...facts, number: (view.sent += 1) });
  root.setAttribute("aria-label", data.labels.heading);
  root.setAttribute("aria-busy", String(data.stale));
  const focused = root.getRootNode().activeElement?.dataset?.control;
  const kept = new Map();
  const items = data.tracks.map((track) => {
    const text = JSON.stringify([track, data.labels]);
    const known = view.cards.get(track.id);
    const card = known?.text === text ? known : { text, audio: known?.audio, item: undefined };
    if (!card.item) card.item = draw(view, data.labels, track, card);
    card.item.classList.toggle("chosen", track.id === data.chosen);
    card.item.querySelector(".choose").setAttribute("aria-pressed", String(track.id === data.chosen));
    kept.set(track.id, card);
    return card.item;
  });
  view.cards.forEach((card, id) => { if (!kept.has(id)) card.audio?.pause(); });
  view.cards = kept;
  arrange(root, items);
  const again = focused && root.querySelector(`[data-control="${CSS.escape(focused)}"]`);
  if (again) again.focus();
}

function arrange(root, items) {
  const wanted = new Set(items);
  [...root.children].forEach((child) => { if (!wanted.has(child)) child.remove(); });
  // A node in its right place is not touched: moving it would stop its audio.
  items.forEach((item, place) => { if (root.children[place] !== item) root.insertBefore(item, root.children[place] ?? null); });
}

function draw(view, labels, track, card) {
  const source = track.audio || track.preview;
  if (source && !card.audio) card.audio = sound(view, track, source, labels);
  if (card.audio) card.audio.setAttribute("aria-label", `${track.audio ? labels.play : labels.preview}: ${track.title}`);
  const act = (kind) => view.send({ kind, id: track.id });
  const button = (kind, sign, pressed) => make("button", {
    type: "button", class: `act ${kind}`, "data-control": `${kind}-${track.id}`,
    "aria-pressed": pressed === undefined ? undefined : String(pressed), onclick: () => act(kind),
  }, icon(sign), labels[kind], make("span", { class: "hidden" }, ` ${kind === "mute" ? track.artist : track.title}`));
  return make("li", { class: "card moves", "data-id": track.id },
    make("span", { class: "rank" }, String(track.rank)),
    cover(track),
    make("div", { class: "what" },
      make("h3", { class: "title" }, track.title),
      make("span", { class: "byline" }, track.byline), track.known ? make("span", { class: "known" }, labels.known) : "",
      make("span", { class: "byline" }, track.details),
      make("p", { class: "why" }, track.sentence),
      card.audio ?? "", places(labels, track)),
    chart(labels, track),
    make("div", { class: "acts" },
      button("like", "favorite", track.liked), button("save", "bookmark", track.saved), button("skip", "skip_next"),
      button("dislike", "thumb_down"), button("mute", "person_off"), button("choose", "radar", false),
      track.link ? make("a", { class: "act", href: track.link, target: "_blank", rel: "noopener noreferrer" },
        icon("open_in_new"), labels.open, make("span", { class: "hidden" }, ` ${track.title}`)) : ""));
}

function chart(labels, track) {
  if (!track.bars.length) return "";
  return make("ul", { class: "bars", "aria-label": labels.bars }, ...track.bars.map((bar) =>
    make("li", {}, make("span", { class: "name" }, bar.name),
      make("span", { class: "track", "aria-hidden": "true" },
        make("span", { class: `bar ${bar.sign}`, style: `width:${Math.max(2, bar.share * 50)}%` })),
      make("span", { class: "value" }, bar.text))));
}

function places(labels, track) {
  if (!track.places?.length) return "";
  return make("details", { class: "places" }, make("summary", {}, labels.sources, make("span", { class: "hidden" }, ` ${track.title}`)),
    ...track.places.map((place) => make("div", {}, `${place.source}: ${place.path}${place.gone ? ` (${labels.gone})` : ""}`)));
}

// A list is listened to: after one own song, the next one plays. Previews end by themselves.
function playNext(audio) {
  const all = [...audio.getRootNode().querySelectorAll("audio")];
  const next = all.slice(all.indexOf(audio) + 1).find((other) => other.dataset.own);
  if (next) next.play().catch(() => undefined);
}

function sound(view, track, source, labels) {
  let since = 0;
  const told = () => {
    if (!since) return;
    view.send({ kind: "play", id: track.id, dwell: Math.round(performance.now() - since) });
    since = 0;
  };
  return make("audio", {
    controls: true, preload: "none", src: source, "data-own": track.audio ? "yes" : undefined,
    onplay: (event) => {
      since = performance.now();
      event.target.getRootNode().querySelectorAll("audio").forEach((other) => { if (other !== event.target) other.pause(); });
    },
    onpause: told,
    onended: (event) => { told(); if (track.audio) playNext(event.target); },
    onerror: (event) => {
      if (!event.target.parentElement?.querySelector(".unplayable")) event.target.after(make("p", { class: "unplayable", role: "status" }, labels.unplayable));
    },
  });
}
