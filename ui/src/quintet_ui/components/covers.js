// Covers that play: a press plays the song in the player of the page, or searches for one that cannot
// be played here on the listener's service. The player (player.js) says what plays.
const sound = (shared.sound ??= { labels: {}, id: "", isPlaying: false, service: "" });

function sourceOf(track) {
  return track.audio || track.preview;
}

// `tracks` returns the list that a song is of: its later songs become the queue. `place` names the list.
function playCover(track, tracks, place = "", tag = "button") {
  const plays = Boolean(sourceOf(track));
  const press = (event) => { event.stopPropagation(); publish("play", { track, tracks: tracks(), place }); };
  const facts = tag === "button" ? { type: "button", "data-control": `play-${track.id}` } : { "aria-hidden": "true" };
  const button = make(tag, { ...facts, class: plays ? "play here" : "play", onclick: press }, cover(track), icon(plays ? "play_arrow" : "travel_explore"));
  button.track = track;
  nameCover(button);
  return button;
}

// A cover says what a press does: play, pause, or search on the listener's service.
function nameCover(button) {
  const { track } = button, { labels, id, isPlaying, service } = sound;
  const plays = Boolean(sourceOf(track)), playing = isPlaying && id === track.id;
  const text = !plays ? (service ? labels.searchOn : labels.search) : playing ? labels.pause : track.audio ? labels.play : labels.preview;
  const words = `${(text ?? "").replace("@", service)}: ${track.title}`;
  button.title = words;
  if (button.localName === "button") button.setAttribute("aria-label", words);
  if (!plays) return;
  if (button.localName === "button") button.setAttribute("aria-pressed", String(playing));
  button.classList.toggle("playing", playing);
  button.querySelector(".icon").textContent = playing ? "pause" : "play_arrow";
}

function followSound(root) {
  shared.addEventListener("sound", () => {
    if (root.isConnected) root.querySelectorAll(".play").forEach(nameCover);
  });
}
