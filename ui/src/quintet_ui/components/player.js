// The one player of the page, at the bottom: a song at a time and the queue after it. For a song that
// cannot be played here, a cover opens a search on the service that the listener chose once.
const SERVICES = {
  spotify: ["Spotify", "https://open.spotify.com/search/"], youtubeMusic: ["YouTube Music", "https://music.youtube.com/search?q="],
  youtube: ["YouTube", "https://www.youtube.com/results?search_query="], apple: ["Apple Music", "https://music.apple.com/search?term="],
  deezer: ["Deezer", "https://www.deezer.com/search/"], tidal: ["TIDAL", "https://tidal.com/search?q="], bandcamp: ["Bandcamp", "https://bandcamp.com/search?q="],
  soundcloud: ["SoundCloud", "https://soundcloud.com/search?q="], melon: ["Melon", "https://www.melon.com/search/total/index.htm?q="], genie: ["genie", "https://www.genie.co.kr/search/searchMain?query="],
};
const KEPT = "quintet.service";
const AGAIN_SECONDS = 3; // later than this, "previous" begins the same song again
const MOST_SHOWN = 50, MOST_PENDING = 20;

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".sound");
  const view = root.view ?? (root.view = build(root));
  view.send = () => setTriggerValue("played", [...view.pending]);
  view.pending = view.pending.filter((each) => each.number > data.handled);
  view.player.labels = sound.labels = data.labels;
  drawPlayer(view.player);
  view.player.changed();
}

// What was heard is sent until the page has confirmed it: Streamlit keeps the last of two messages alone.
function build(root) {
  const view = { pending: [], number: 0 };
  const player = buildPlayer((track, dwell) => {
    view.pending = [...view.pending, { id: track.id, dwell, number: nextNumber(view) }].slice(-MOST_PENDING);
    view.send();
  }, () => {
    Object.assign(sound, { id: player.track?.id ?? "", isPlaying: Boolean(player.track) && !player.audio.paused, service: SERVICES[service()]?.[0] ?? "" });
    publish("sound");
  });
  view.player = player;
  root.append(player.root);
  const on = (name, act) => shared.addEventListener(name, ({ detail }) => { if (root.isConnected) act(detail); });
  on("play", ({ track, tracks, place }) => sourceOf(track) ? playFrom(player, track, tracks, place) : searchElsewhere(player, track));
  on("queue", ({ track }) => { player.queue.unshift(track); if (!player.track) playNext(player); else drawPlayer(player); });
  on("drop", ({ id }) => dropFrom(player, id));
  on("elsewhere", ({ track, asks }) => asks ? askService(player, track) : searchElsewhere(player, track));
  on("follow", (list) => follow(player, list));
  return view;
}

// The songs of a list that goes on by itself, such as a radio: those after the one that plays come next.
function follow(player, { place, tracks }) {
  if (!player.track || player.place !== place) return;
  const at = tracks.findIndex((each) => each.id === player.track.id);
  player.queue = tracks.slice(at + 1).filter(sourceOf);
  if (at < 0 && player.queue.length) playNext(player);
  else drawPlayer(player);
}

// `played` is called with a track and the milliseconds that it was heard; `changed` after each change.
function buildPlayer(played, changed) {
  const player = { track: null, queue: [], past: [], place: "", labels: {}, since: 0, played, changed, waiting: null };
  const told = () => {
    if (player.since) played(player.track, Math.round(performance.now() - player.since));
    player.since = 0;
  };
  const refresh = () => { drawPlayer(player); changed(); };
  player.audio = make("audio", {
    preload: "none",
    onplay: () => { player.since = performance.now(); refresh(); },
    onpause: () => { told(); refresh(); },
    onended: () => { told(); leave(player, "finish"); playNext(player); },
    ontimeupdate: () => drawTime(player),
    onerror: () => { if (player.track) player.status.textContent = player.labels.unplayable; },
  });
  player.leave = told;
  const button = (name, sign, press) => (player[name] = make("button", { type: "button", class: "tool", onclick: press }, icon(sign)));
  player.cover = make("img", { class: "cover", alt: "" });
  player.title = make("span", { class: "title" });
  player.byline = make("span", { class: "byline" });
  player.status = make("p", { class: "said", role: "status" });
  player.seek = make("input", { type: "range", class: "seek", min: "0", max: "1", step: "1", value: "0", oninput: () => { player.audio.currentTime = Number(player.seek.value); } });
  player.time = make("span", { class: "time" });
  player.list = make("ol", { class: "queue", hidden: true });
  player.services = make("div", { class: "services", role: "group", hidden: true });
  player.bar = make("div", { class: "bar" }, player.cover, make("div", { class: "names" }, player.title, player.byline, player.status),
    make("div", { class: "tools" }, button("before", "skip_previous", () => playBefore(player)), button("pause", "play_arrow", () => toggle(player)), button("next", "skip_next", () => { leave(player, "skip"); playNext(player); })),
    make("div", { class: "place" }, player.seek, player.time),
    make("div", { class: "tools" }, button("queueButton", "queue_music", () => { player.list.hidden = !player.list.hidden; drawPlayer(player); }), button("close", "close", () => closePlayer(player))));
  player.root = make("section", { class: "player", hidden: true }, player.services, player.list, player.bar, player.audio);
  // What else is at the bottom keeps above it.
  new ResizeObserver(() => document.documentElement.style.setProperty("--quintet-bottom", `${player.root.isConnected ? player.root.offsetHeight : 0}px`)).observe(player.root);
  player.root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || (player.list.hidden && player.services.hidden)) return;
    player.list.hidden = player.services.hidden = true;
    drawPlayer(player);
    event.stopPropagation();
  });
  return player;
}

// Plays a track of a list, whose later tracks become the queue; the one that plays is paused.
function playFrom(player, track, tracks, place) {
  if (player.track?.id === track.id) { toggle(player); return; }
  player.place = place;
  const at = tracks.findIndex((each) => each.id === track.id);
  player.queue = tracks.slice(at + 1).filter(sourceOf);
  begin(player, track);
}

function begin(player, track) {
  player.leave();
  if (player.track) player.past.push(player.track);
  player.track = track;
  player.status.textContent = "";
  player.services.hidden = true;
  player.audio.src = sourceOf(track);
  player.audio.play().catch(() => drawPlayer(player));
  drawPlayer(player);
  player.changed();
  if (!("mediaSession" in navigator)) return;
  navigator.mediaSession.metadata = new MediaMetadata({ title: track.title, artist: track.byline });
  navigator.mediaSession.setActionHandler("nexttrack", () => { leave(player, "skip"); playNext(player); });
  navigator.mediaSession.setActionHandler("previoustrack", () => playBefore(player));
}

// Says how the listener came to the end of a song of a list: heard to its end, or passed over.
function leave({ track, place }, how) {
  publish("left", { id: track.id, place, how });
}

function toggle(player) {
  if (player.audio.paused) player.audio.play().catch(() => undefined);
  else player.audio.pause();
}

function playNext(player) {
  const next = player.queue.shift();
  if (next) begin(player, next);
  else { player.audio.pause(); drawPlayer(player); player.changed(); }
}

function playBefore(player) {
  const before = player.audio.currentTime > AGAIN_SECONDS ? undefined : player.past.pop();
  if (!before) { player.audio.currentTime = 0; return; }
  player.leave();
  player.queue.unshift(player.track);
  player.track = null; // it is in the queue now, and not among those before
  begin(player, before);
}

// What a listener does not want is not played: it leaves the queue, and the next song begins.
function dropFrom(player, id) {
  player.queue = player.queue.filter((each) => each.id !== id);
  if (player.track?.id !== id) drawPlayer(player);
  else if (player.queue.length) playNext(player);
  else closePlayer(player);
}

function closePlayer(player) {
  player.audio.pause();
  player.leave();
  Object.assign(player, { track: null, queue: [], past: [] });
  player.audio.removeAttribute("src");
  player.list.hidden = player.services.hidden = true;
  drawPlayer(player);
  player.changed();
}

let chosen = ""; // for a browser that keeps nothing

function service() {
  try { chosen = localStorage.getItem(KEPT) ?? chosen; } catch { /* a private window may deny it */ }
  return chosen in SERVICES ? chosen : "";
}

function searchElsewhere(player, track) {
  const name = service();
  if (name) openSearch(name, track);
  else askService(player, track);
}

function openSearch(name, track) {
  window.open(SERVICES[name][1] + encodeURIComponent(`${track.artist || track.byline} ${track.title}`), "_blank", "noopener,noreferrer");
}

function askService(player, track) {
  player.waiting = track;
  player.services.hidden = false;
  drawPlayer(player);
  player.services.querySelector("button").focus();
}

function choose(player, name) {
  chosen = name;
  try { localStorage.setItem(KEPT, name); } catch { /* it is kept until the page closes */ }
  player.services.hidden = true;
  drawPlayer(player);
  player.changed();
  if (player.waiting) openSearch(name, player.waiting);
  player.waiting = null;
}

function drawPlayer(player) {
  const { labels, track } = player;
  player.root.hidden = !track && player.services.hidden;
  player.bar.hidden = !track;
  document.body.classList.toggle("quintet-plays", !player.root.hidden);
  document.body.classList.toggle("quintet-asks", !player.root.hidden && !(player.services.hidden && player.list.hidden));
  // Only where it is seen: a browser lays the whole page out for this number.
  if (!player.root.hidden) player.root.style.left = `${document.querySelector('[data-testid="stMain"]')?.getBoundingClientRect().left ?? 0}px`;
  player.root.setAttribute("aria-label", labels.player ?? "");
  const name = (button, text, sign) => { button.title = text ?? ""; button.setAttribute("aria-label", text ?? ""); if (sign) button.replaceChildren(icon(sign)); };
  name(player.before, labels.before);
  name(player.next, labels.next);
  name(player.pause, player.audio.paused ? labels.play : labels.pause, player.audio.paused ? "play_arrow" : "pause");
  name(player.queueButton, labels.queue);
  name(player.close, labels.closePlayer);
  player.queueButton.setAttribute("aria-expanded", String(!player.list.hidden));
  player.next.disabled = !player.queue.length;
  player.seek.setAttribute("aria-label", labels.position ?? "");
  if (track) {
    const picture = track.cover || track.drawn;
    if (player.cover.getAttribute("src") !== picture) player.cover.src = picture;
    player.title.textContent = track.title;
    player.byline.textContent = track.byline;
  }
  drawTime(player);
  drawQueue(player);
  const asks = make("p", {}, labels.service ?? "");
  player.services.replaceChildren(asks, ...Object.entries(SERVICES).map(([id, [text]]) => make("button", { type: "button", class: "act", "data-control": `service-${id}`, "aria-pressed": String(id === service()), onclick: () => choose(player, id) }, text)),
    make("button", { type: "button", class: "act later", onclick: () => { player.services.hidden = true; player.waiting = null; drawPlayer(player); } }, labels.later ?? ""));
  player.services.setAttribute("aria-label", labels.service ?? "");
}

function drawTime(player) {
  const { currentTime, duration } = player.audio, whole = Number.isFinite(duration) ? duration : 0;
  player.seek.max = String(Math.max(1, Math.floor(whole)));
  player.seek.value = String(Math.floor(currentTime));
  player.seek.disabled = !whole;
  player.time.textContent = whole ? `${clockTime(currentTime)} / ${clockTime(whole)}` : clockTime(currentTime);
  player.seek.setAttribute("aria-valuetext", player.time.textContent);
}

function clockTime(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

function drawQueue(player) {
  const { labels, queue } = player;
  player.list.setAttribute("aria-label", labels.queue ?? "");
  const row = (track) => make("li", {},
    make("button", { type: "button", class: "entry", onclick: () => { player.queue = queue.slice(queue.indexOf(track) + 1); begin(player, track); } },
      make("span", { class: "title" }, track.title), make("span", { class: "byline" }, track.byline)),
    make("button", { type: "button", class: "tool", "aria-label": (labels.unqueue ?? "").replace("#", () => track.title), title: (labels.unqueue ?? "").replace("#", () => track.title),
      onclick: () => { player.queue = queue.filter((each) => each !== track); drawPlayer(player); player.queueButton.focus(); } }, icon("close")));
  player.list.replaceChildren(...(queue.length ? queue.slice(0, MOST_SHOWN).map(row) : [make("li", { class: "byline" }, labels.queueEmpty ?? "")]));
}
