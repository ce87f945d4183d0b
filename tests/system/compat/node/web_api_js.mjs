// Drives spotify-web-api-js, made for browsers, against the gateway named by BASE.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { BASE, TOKEN, SONGS } = process.env;
const songs = SONGS.split(",");
const require = createRequire(import.meta.url);
globalThis.window = globalThis;
globalThis.XMLHttpRequest = require("xhr2");
const SpotifyWebApi = require("spotify-web-api-js");
const open = XMLHttpRequest.prototype.open;
XMLHttpRequest.prototype.open = function (method, url, ...rest) {
  return open.call(this, method, url.replace("https://api.spotify.com", BASE), ...rest);
};

const api = new SpotifyWebApi();
api.setAccessToken(TOKEN);
const found = await api.search("artist:queen", ["track", "artist"], { limit: 5 });
assert.ok(found.tracks.items.length > 0);
const artist = found.artists.items[0];
assert.equal((await api.getArtist(artist.id)).name, artist.name);
assert.equal((await api.getTrack(songs[0])).id, songs[0]);
assert.deepEqual((await api.getTracks(songs.slice(0, 3))).tracks.map((t) => t.id), songs.slice(0, 3));
assert.equal((await api.getAudioFeaturesForTrack(songs[0])).id, songs[0]);
assert.equal((await api.getAudioFeaturesForTracks(songs.slice(0, 3))).audio_features.length, 3);
const answer = await api.getRecommendations({
  seed_artists: artist.id, seed_genres: "rock", seed_tracks: songs.slice(0, 2).join(","),
  limit: 10, max_tempo: 150, target_energy: 0.7,
});
assert.equal(answer.tracks.length, 10);
assert.ok((await api.getAvailableGenreSeeds()).genres.includes("rock"));
const missing = await api.getTrack("0".repeat(22)).then(assert.fail, (request) => request);
assert.equal(missing.status, 404);
assert.equal(JSON.parse(missing.responseText).error.message, "Resource not found");
api.setAccessToken("x");
const refused = await api.getTrack(songs[0]).then(assert.fail, (request) => request);
assert.equal(refused.status, 401);
console.log("ok");
