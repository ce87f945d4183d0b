"""The rehearsal's music: playlists of scenes, and a taste that no playlist of them has."""

import csv
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from quintet_modelkit.publication import current_folder
from quintet_modelkit.snapshot import Snapshot

SCENES = 12
PLAYLISTS_A_SCENE = 7
TRACKS_A_PLAYLIST = 20
# So many that two playlists of a scene are no near-duplicates.
LEAST_SCENE = 110
TASTE_ARTISTS = 40
LEAST_TASTE_TRACKS = 3


@dataclass(frozen=True)
class Music:
    """What the rehearsal knows of the catalogue.

    Attributes:
        playlists: Tracks of each playlist to train on at first.
        taste: The tracks that the listeners like, by artists of all genres; in no playlist.
    """

    playlists: list[list[str]]
    taste: list[str]


def compose(home: Path, seed: int) -> Music:
    """Make playlists and a taste of the published catalogue; the same for the same seed.

    A scene is a number of artists of one genre, and a playlist draws from one scene, with some
    tracks of others between them. The taste belongs to artists that are in no scene.
    """
    draw = random.Random(seed)
    tracks = Snapshot.load(current_folder(home / "catalogue")).tracks
    by_artist: dict[tuple[str, str], list[str]] = defaultdict(list)
    columns = (tracks.column(name).to_pylist() for name in ("track_id", "artist_ids", "genres"))
    for track, artists, genres in zip(*columns, strict=True):
        if artists and genres:
            by_artist[genres[0], artists[0]].append(track)
    artists_in_order = sorted(by_artist)
    draw.shuffle(artists_in_order)
    liked: list[str] = []
    rest: dict[str, list[str]] = defaultdict(list)
    chosen: set[str] = set()
    for genre, artist in artists_in_order:
        owned = by_artist[genre, artist]
        if (
            len(chosen) < TASTE_ARTISTS
            and len(owned) >= LEAST_TASTE_TRACKS
            and artist not in chosen
        ):
            chosen.add(artist)
            liked += owned
        elif artist not in chosen:
            rest[genre] += owned
    everything = [track for owned in rest.values() for track in owned]
    playlists = []
    for scene in _scenes(rest):
        for _ in range(PLAYLISTS_A_SCENE):
            own = draw.sample(scene, TRACKS_A_PLAYLIST - 2)
            others = draw.sample(everything, 2)
            playlists.append(list(dict.fromkeys([*own, *others])))
    return Music(playlists, sorted(liked))


def _scenes(tracks: dict[str, list[str]]) -> list[list[str]]:
    scenes: list[list[str]] = []
    at = 0
    while len(scenes) < SCENES:
        before = len(scenes)
        for genre in sorted(tracks):
            part = tracks[genre][at : at + LEAST_SCENE]
            if len(part) == LEAST_SCENE and len(scenes) < SCENES:
                scenes.append(part)
        if len(scenes) == before:
            break
        at += LEAST_SCENE
    return scenes


def write_playlists(music: Music, path: Path) -> None:
    """Write playlists as a table that `quintet playlists import` reads."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("playlist_id", "position", "track_id"))
        for number, tracks in enumerate(music.playlists):
            for position, track in enumerate(tracks):
                writer.writerow((f"scene-{number:03d}", position, track))
