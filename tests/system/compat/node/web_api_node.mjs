// Drives spotify-web-api-node against the gateway named by BASE.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { BASE, CLIENT_ID, CLIENT_SECRET, SONGS } = process.env;
const songs = SONGS.split(",");
const { hostname, port } = new URL(BASE);
const require = createRequire(import.meta.url);
for (const name of ["webapi-request", "authentication-request"]) {
  const request = require(`spotify-web-api-node/src/${name}`);
  const build = request.builder;
  request.builder = (...args) =>
    build(...args).withScheme("http").withHost(hostname).withPort(Number(port));
}
const SpotifyWebApi = require("spotify-web-api-node");

const api = new SpotifyWebApi({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET });
const granted = await api.clientCredentialsGrant();
assert.equal(granted.body.expires_in, 3600);
api.setAccessToken(granted.body.access_token);

const found = await api.search("artist:queen", ["track", "artist"], { limit: 5 });
assert.ok(found.body.tracks.items.length > 0);
const artist = found.body.artists.items[0];
assert.equal((await api.getArtist(artist.id)).body.name, artist.name);
assert.equal((await api.getTrack(songs[0])).body.id, songs[0]);
const tracks = (await api.getTracks([songs[1], "0".repeat(22), songs[1]])).body.tracks;
assert.deepEqual(tracks.map((t) => t && t.id), [songs[1], null, songs[1]]);
assert.equal((await api.getAudioFeaturesForTrack(songs[0])).body.id, songs[0]);
const many = await api.getAudioFeaturesForTracks(songs.slice(0, 3));
assert.equal(many.body.audio_features.length, 3);
const answer = await api.getRecommendations({
  seed_artists: [artist.id], seed_genres: ["rock"], seed_tracks: songs.slice(0, 2),
  limit: 10, min_energy: 0.4, target_valence: 0.8,
});
assert.equal(answer.body.tracks.length, 10);
assert.ok((await api.getAvailableGenreSeeds()).body.genres.includes("rock"));
const missing = await api.getTrack("0".repeat(22)).then(assert.fail, (error) => error);
assert.equal(missing.name, "WebapiRegularError");
assert.equal(missing.statusCode, 404);
const wrong = new SpotifyWebApi({ clientId: CLIENT_ID, clientSecret: "wrong" });
const refused = await wrong.clientCredentialsGrant().then(assert.fail, (error) => error);
assert.equal(refused.name, "WebapiAuthenticationError");
assert.equal(refused.body.error, "invalid_client");
console.log("ok");
