"""Files of the site, read by the methods of the plug-ins, which must not wait for anything."""

from __future__ import annotations

import errno
import os
import stat

# The limit for a batch or a permission file, in bytes.
LARGEST_FILE = 10_000_000


def read_site_file(path: str) -> bytes:
    """
    Read a regular file; anything else, such as a pipe, is refused, as opening or reading it could block.

    Raises:
        OSError: It cannot be read, is not a regular file, or has more than ``LARGEST_FILE`` bytes.
    """
    with open(path, "rb", opener=_open_at_once) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        data = stream.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise OSError(errno.EFBIG, f"larger than {LARGEST_FILE:,} bytes")
    return data


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
