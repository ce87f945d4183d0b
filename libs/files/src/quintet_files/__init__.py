"""Replace files in one step, and let one process at a time do what must not overlap."""

from quintet_files.atomic import PRIVATE_MODE as PRIVATE_MODE
from quintet_files.atomic import PUBLIC_MODE as PUBLIC_MODE
from quintet_files.atomic import keep_private as keep_private
from quintet_files.atomic import replacing as replacing
from quintet_files.atomic import write_atomically as write_atomically
from quintet_files.locks import exclusive as exclusive
from quintet_files.pictures import picture_kind as picture_kind
