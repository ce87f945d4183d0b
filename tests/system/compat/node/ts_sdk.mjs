// Drives @spotify/web-api-ts-sdk against the gateway named by BASE.
import assert from "node:assert/strict";
import { SpotifyApi } from "@spotify/web-api-ts-sdk";

const { BASE, CLIENT_ID, CLIENT_SECRET, SONGS } = process.env;
const songs = SONGS.split(",");
const config = { fetch: (url, init) => fetch(url.replace("https://api.spotify.com", BASE), init) };
const basic = Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString("base64");
const answered = await fetch(`${BASE}/api/token`, {
  method: "POST",
  headers: { Authorization: `Basic ${basic}`, "Content-Type": "application/x-www-form-urlencoded" },
  body: "grant_type=client_credentials&scope=",
});
assert.equal(answered.status, 200);
const api = SpotifyApi.withAccessToken(CLIENT_ID, await answered.json(), config);

const found = await api.search("artist:queen", ["track", "artist"], "US", 5);
assert.ok(found.tracks.items.length > 0 && found.artists.items.length > 0);
const artist = await api.artists.get(found.artists.items[0].id);
assert.equal(artist.name, found.artists.items[0].name);
assert.equal((await api.tracks.get(songs[0])).id, songs[0]);
assert.deepEqual((await api.tracks.get(songs.slice(0, 3))).map((t) => t.id), songs.slice(0, 3));
assert.equal((await api.tracks.audioFeatures(songs[0])).id, songs[0]);
assert.equal((await api.tracks.audioFeatures(songs.slice(0, 3))).length, 3);
const answer = await api.recommendations.get({
  seed_artists: [artist.id], seed_genres: ["rock"], seed_tracks: songs.slice(0, 2),
  limit: 10, max_tempo: 140, target_energy: 0.8,
});
assert.equal(answer.tracks.length, 10);
assert.equal(answer.seeds.length, 4);
assert.ok((await api.recommendations.genreSeeds()).genres.includes("rock"));
await assert.rejects(api.tracks.get("0".repeat(22)), /404.*Resource not found/);
await assert.rejects(api.recommendations.get({ seed_tracks: songs, limit: 5 }), /400.*1 to 5/);
const stranger = SpotifyApi.withAccessToken(CLIENT_ID, { access_token: "x", expires_in: 9 }, config);
await assert.rejects(stranger.tracks.get(songs[0]), /Bad or expired token/);
console.log("ok");
