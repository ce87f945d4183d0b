"""Write lists of tracks as playlist files."""

from quintet_playlists.entries import Entry as Entry
from quintet_playlists.jspf import LISTENBRAINZ_EXTENSION as LISTENBRAINZ_EXTENSION
from quintet_playlists.jspf import jspf_of as jspf_of
from quintet_playlists.jspf import listenbrainz_jspf_of as listenbrainz_jspf_of
from quintet_playlists.m3u import list_mark as list_mark
from quintet_playlists.m3u import m3u8_of as m3u8_of
from quintet_playlists.m3u import mark_in as mark_in
