"""Replace files in one step, so that a reader sees the old content or the new, never a part."""

from quintet_files.atomic import PRIVATE_MODE as PRIVATE_MODE
from quintet_files.atomic import PUBLIC_MODE as PUBLIC_MODE
from quintet_files.atomic import replacing as replacing
from quintet_files.atomic import write_atomically as write_atomically
