"""Write saved lists back: as playlists of media servers, M3U8 files of folders, JSPF files."""

from quintet_library.pushing.listenbrainz import write_listenbrainz as write_listenbrainz
from quintet_library.pushing.push import KINDS as KINDS
from quintet_library.pushing.push import push_list as push_list
from quintet_library.pushing.target import Action as Action
from quintet_library.pushing.target import Missing as Missing
from quintet_library.pushing.target import PushReport as PushReport
