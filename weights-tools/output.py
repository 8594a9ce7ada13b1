"""Files that appear under their name only when they are complete."""
import contextlib
import os
import stat
import tempfile

from errors import EXIT_OUTPUT, EXIT_USAGE, Refusal, shown


@contextlib.contextmanager
def complete_file(path):
    """Yields a binary file to write; it is renamed to `path` at the end and removed on failure."""
    path = replaceable(path)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=".viseme-", dir=os.path.dirname(path))
        with os.fdopen(handle, "wb") as out:
            yield out
        os.chmod(temporary, 0o666 & ~current_umask())
        os.replace(temporary, path)
        temporary = None
    except OSError as e:
        raise Refusal(f"cannot write {shown(path)}: {e.strerror or e}", EXIT_OUTPUT) from None
    finally:
        if temporary is not None:
            os.unlink(temporary)


def replaceable(path):
    """The real path to write, refused where renaming over it would destroy something."""
    path = os.path.realpath(path)
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return path
    if not stat.S_ISREG(mode):
        raise Refusal(f"the output {shown(path)} exists and is not a regular file", EXIT_USAGE)
    return path


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
