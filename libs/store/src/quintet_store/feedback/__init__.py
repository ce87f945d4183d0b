"""Store and read recommended lists and the feedback on them, by bound parameters only.

Listeners are keyed hashes throughout; the empty hash stands for an unnamed listener.
"""

from quintet_store.feedback.counting import FeedbackCounts as FeedbackCounts
from quintet_store.feedback.counting import feedback_counts as feedback_counts
from quintet_store.feedback.deleting import Deleted as Deleted
from quintet_store.feedback.deleting import delete_listener as delete_listener
from quintet_store.feedback.deleting import deletions as deletions
from quintet_store.feedback.deleting import remove_rejected as remove_rejected
from quintet_store.feedback.deleting import repeat_deletions as repeat_deletions
from quintet_store.feedback.deleting import without_deleted as without_deleted
from quintet_store.feedback.derived_playlists import feedback_playlists as feedback_playlists
from quintet_store.feedback.derived_playlists import listener_playlists as listener_playlists
from quintet_store.feedback.exporting import Cursor as Cursor
from quintet_store.feedback.exporting import Page as Page
from quintet_store.feedback.exporting import export_page as export_page
from quintet_store.feedback.locks import hold_events as hold_events
from quintet_store.feedback.locks import hold_feedback as hold_feedback
from quintet_store.feedback.locks import hold_listener as hold_listener
from quintet_store.feedback.names import DELETED_LISTENER as DELETED_LISTENER
from quintet_store.feedback.names import GROUP_PREFIX as GROUP_PREFIX
from quintet_store.feedback.names import HISTORY as HISTORY
from quintet_store.feedback.names import UNDONE as UNDONE
from quintet_store.feedback.names import listener_group as listener_group
from quintet_store.feedback.names import stamp as stamp
from quintet_store.feedback.reading import EVENT_COLUMNS as EVENT_COLUMNS
from quintet_store.feedback.reading import IMPRESSION_COLUMNS as IMPRESSION_COLUMNS
from quintet_store.feedback.reading import feature_sets as feature_sets
from quintet_store.feedback.reading import stream_events as stream_events
from quintet_store.feedback.reading import stream_impressions as stream_impressions
from quintet_store.feedback.reading import stream_positions as stream_positions
from quintet_store.feedback.reading import stream_seeds as stream_seeds
from quintet_store.feedback.recording import add_events as add_events
from quintet_store.feedback.recording import add_shown as add_shown
from quintet_store.feedback.recording import listeners_of as listeners_of
from quintet_store.feedback.recording import shown_tracks as shown_tracks
from quintet_store.feedback.retention import Pruned as Pruned
from quintet_store.feedback.retention import prune as prune
from quintet_store.feedback.retention import prune_before as prune_before
from quintet_store.feedback.retention import trim_to as trim_to
from quintet_store.feedback.sizes import list_bytes as list_bytes
from quintet_store.feedback.sizes import recorded_bytes as recorded_bytes
from quintet_store.feedback.sizes import stored_bytes as stored_bytes
from quintet_store.feedback.sizes import with_bytes as with_bytes
