"""Where an embedded server keeps its things, and where its socket can be."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from kiq_trio.errors import ConfigError

# The smallest limit of the systems we run on is macOS', with the final zero.
LONGEST_SOCKET_PATH = 103


def default_folder() -> Path:
    """Return the folder of this user's server when the URL names none."""
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "kiq_trio"


def make_private(folder: Path) -> None:
    """Make *folder* if it is missing, open to nobody else.

    Raises:
        ConfigError: it exists, and others could put files of theirs into it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise ConfigError(f"{folder} must belong to the user who runs this")
    if found.st_mode & stat.S_IWOTH:
        raise ConfigError(f"{folder} must not be writable by everybody")


def socket_path(folder: Path) -> Path:
    """Return where the server in *folder* listens; a long name is hashed away."""
    inside = folder / "redis.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return _runtime_folder() / f"{digest}.sock"


def _runtime_folder() -> Path:
    """Return a short folder of our own, even where everybody may make one."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    parent = Path(given) if given else Path(tempfile.gettempdir())
    folder = parent / f"kiq_trio-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not is_ours or stat.S_IMODE(found.st_mode) & 0o077:
        raise ConfigError(f"{folder} must be a folder of ours, with mode 0700")
    return folder
