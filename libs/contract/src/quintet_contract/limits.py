"""How many, how long and how far: the limits that callers meet and several processes check.

A limit that one module alone knows stays in that module.
"""

from typing import Final

# --- A request for recommendations ---------------------------------------------------------------
MAX_SEEDS: Final = 5
"""Seeds, and negative seeds, of one request; one seed is the least."""
MAX_WEIGHT: Final = 10.0
"""Largest weight of a seed (above 0) and of an attribute (from 0)."""
MAX_LIMIT: Final = 500
"""Tracks of one list, and largest cap of tracks by one artist."""
DEFAULT_LIMIT: Final = 50
DEFAULT_MAX_PER_ARTIST: Final = 3
DEFAULT_DISCOVERY: Final = 0.8
"""The dial from familiar (0) to discover (1): two of the first ten tracks are by known artists."""
MAX_EXCLUDED_TRACKS: Final = 10_000
MAX_EXCLUDED_ARTISTS: Final = 1_000
MAX_FILTER_GENRES: Final = 1_000
MAX_FILTER_SOURCES: Final = 64
MAX_FILTER_ARTISTS: Final = 1_000
"""Artists of whom only tracks may be returned."""
MIN_YEAR: Final = 1860
"""The first year of release that a filter may name: the oldest recording of a voice."""
MAX_YEAR: Final = 2100
MAX_NAME: Final = 256
"""Characters of a track id, an artist id or a genre in a request."""

# --- A request in the form of Spotify's Web API --------------------------------------------------
WEB_API_MAX_LIMIT: Final = 100
WEB_API_DEFAULT_LIMIT: Final = 20
WEB_API_MAX_EXCLUDED: Final = 500
"""Excluded track ids; fewer than in a body, because they stand in the address."""

# --- Search and lookups --------------------------------------------------------------------------
MAX_QUERY: Final = 256
"""Characters of a search text."""
MAX_PAGE: Final = 50
"""Matches on one page."""
DEFAULT_PAGE: Final = 20
MAX_MATCHES: Final = 1_000
"""Matches of one search that can be paged through; also how many a page may skip."""
MAX_GENRES: Final = 1_000
"""Genres on one page."""
MAX_TRACK_IDS: Final = 500
"""Tracks of one lookup; a whole list, so that one call names it."""
MAX_ARTIST_IDS: Final = 50
MAX_NAMES: Final = 2_000
"""Names of one lookup of what names mean."""
MAX_SIMILAR_NAMES: Final = 50
"""Names of such a lookup for which similar ones are searched."""
MAX_FEATURE_IDS: Final = 100
"""Tracks of one request for raw audio features, as in Spotify's Web API."""

# --- A prompt: a wish in words -------------------------------------------------------------------
MAX_PROMPT: Final = 500
"""Characters of a prompt."""
MAX_PROMPT_PARTS: Final = 100
"""Parts of a prompt that a request may remove."""

# --- Feedback ------------------------------------------------------------------------------------
EVENT_KINDS: Final = ("play", "skip", "like", "dislike", "save", "playlist_add")
"""What a listener may do with a track, in the order of the proto's EventKind."""
MAX_EVENTS: Final = 500
"""Events of one request."""
MAX_POSITION: Final = MAX_LIMIT
"""Last position that a track can have in a list, counted from 1."""
MAX_DWELL_MS: Final = 86_400_000
"""One day in milliseconds: the longest track that is allowed."""
LEAST_PLAYED_MS: Final = 30_000
"""A listen that ends earlier is a skip; Spotify counts a stream from 30 seconds on."""
MAX_FEEDBACK_BYTES: Final = 2 * 1024**3
"""Default bound of recorded lists in the database: some 180,000 lists of 20 tracks."""

# --- The memory of a listener --------------------------------------------------------------------
SIGNAL_KINDS: Final = ("play", "skip", "like", "save", "dislike")
"""What a memory keeps of a track; a playlist_add is kept as a save."""
HEARD_KINDS: Final = ("play", "skip")
OPINION_KINDS: Final = ("like", "save", "dislike")
"""Signals that a listener gave on purpose; of one track the latest counts."""
MAX_SIGNALS: Final = 20_000
"""Signals of one listener; beyond them the oldest plays and skips go first."""
MAX_BANNED_ARTISTS: Final = 1_000
"""Banned artists of one listener: as many as one request may exclude."""
MAX_LISTENERS: Final = 100_000
"""Listeners with a memory; beyond them those go whose last signal arrived longest ago."""
MAX_HEARD_DAYS: Final = 3_650
"""Days within which a heard track may be left out."""
DEFAULT_HEARD_DAYS: Final = 14
MAX_KNOWN_TRACKS: Final = 2_000
"""Tracks of a memory, the latest, whose artists count as known in one request."""
HALF_LIFE_DAYS: Final = 90.0
"""Days after which a signal weighs half as much."""
MAX_PREFERENCES: Final = 500
"""Tracks of a memory that ranking uses: the latest, and those that say most about likes."""
RECENT_PREFERENCES: Final = 200
"""Of these, tracks heard or judged last, whatever they say: skips count while they are new."""
RECENT_HEARD: Final = 2_000
"""Plays and skips that preferences are made of, the latest: bounds the time to read them."""
RECENT_OPINIONS: Final = 1_000
"""Likes, saves and dislikes that preferences are made of, the latest."""

MAX_RANKED_EXCLUDED_TRACKS: Final = MAX_EXCLUDED_TRACKS + MAX_SIGNALS
"""Excluded tracks of a request to the ranker: the caller's, and all of a memory."""
MAX_RANKED_EXCLUDED_ARTISTS: Final = MAX_EXCLUDED_ARTISTS + MAX_BANNED_ARTISTS

# --- Radio ---------------------------------------------------------------------------------------
MAX_RADIO_BATCH: Final = 100
"""Tracks of one answer."""
DEFAULT_RADIO_BATCH: Final = 20
MAX_RADIO_TRACKS: Final = 10_000
"""Tracks of one session, some four weeks of music; the cursor grows by 4 bytes with each."""
MAX_RADIO_EXCLUDED: Final = 1_000
"""Excluded tracks, and artists, of a session's filters, which the cursor contains."""
MAX_RADIO_BATCHES: Final = 100
"""Batches of one stream."""
DEFAULT_RADIO_BATCHES: Final = 10
MAX_ARTIST_GAP: Final = 50
DEFAULT_ARTIST_GAP: Final = 4
RADIO_CURSOR_DAYS: Final = 30
"""Days after which a cursor is not accepted any more."""

# --- A path between two tracks -------------------------------------------------------------------
MIN_PATH: Final = 3
MAX_PATH: Final = 50
"""Tracks of a path, both ends included."""
DEFAULT_PATH: Final = 10
DEFAULT_PATH_PER_ARTIST: Final = 2

# --- Saved lists ---------------------------------------------------------------------------------
MAX_LIST_NAME: Final = 200
"""Characters of the name of a saved list, which becomes that of a playlist."""
MAX_SAVED_LISTS: Final = 100_000
"""Saved lists in all, those of listeners included."""
MAX_MIXES: Final = 6
"""Daily mixes of one listener."""

# --- The catalogue -------------------------------------------------------------------------------
MAX_TRACK_ID: Final = 128
"""Characters of a track id that an import accepts."""
MAX_TEXT: Final = 1_000
"""Characters of a title, of all artists' names, and of each other text of a track."""
