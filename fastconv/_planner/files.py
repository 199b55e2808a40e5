"""Files that other processes read and write at the same time: read with care, replaced in one step."""

import os
import stat


def contents(file, most_bytes):
    """The bytes of a regular file of at most so many; nothing of any other."""
    # A pipe would wait for its writer.
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > most_bytes:
            return b""
        with open(handle, "rb", closefd=False) as opened:
            return opened.read(most_bytes)
    finally:
        os.close(handle)


def replace(target, text):
    """Put a file with `text` in the place of `target`, in one step."""
    if target.exists() and not target.is_file():
        raise OSError(f"{target} is not a regular file")
    from tempfile import mkstemp

    handle, temporary = mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
