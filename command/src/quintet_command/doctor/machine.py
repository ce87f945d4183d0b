"""Checks of the machine: Python, settings, disk, clock, secrets."""

import difflib
import os
import platform
import shutil
import tempfile
import time
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from quintet_access.rules import Auth, ExposedWithoutAuth, is_loopback, require_auth_when_exposed
from quintet_modelkit.publication import CURRENT
from quintet_settings import FILE_SUFFIX, SecretUnreadable, from_file
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from quintet_command.doctor import place
from quintet_command.doctor.findings import Finding, look, well, wrong
from quintet_command.doctor.known import FOR_DEVELOPERS, SECRETS, SETTINGS
from quintet_command.settings import CommandSettings

_PREFIX: Final = "QUINTET_"
_PARTS: Final = ("search", "profile", "ranker", "memory", "gateway", "training")
# Less free space is wrong, and less than the second is worth a look.
_LEAST_BYTES: Final = 500_000_000
_FEW_BYTES: Final = 2_000_000_000
# 2025-01-01, in seconds since 1970: before every release of Quintet.
_FIRST_DAY: Final = 1_735_689_600.0
# Clocks of a network disk and of this machine may differ by so much.
_AHEAD_SECONDS: Final = 60.0
# Passwords of examples and of images' defaults.
_WEAK: Final = frozenset(
    ("", "admin", "airflow", "changeme", "password", "postgres", "quintet", "root", "secret")
)


def python(_settings: CommandSettings) -> Finding:
    """Check that all packages are installed and of one release."""
    found = {each.name: each.version for each in distributions()}
    installed = {part: found[f"quintet-{part}"] for part in _PARTS if f"quintet-{part}" in found}
    version = platform.python_version()
    releases = sorted(set(installed.values()))
    if len(releases) > 1:
        said = f"Python {version}; parts of different releases: {', '.join(releases)}"
        return wrong("python", said, "make install")
    missing = [name for name in _PARTS if name not in installed]
    if missing and place.image():
        # The other parts are in other containers; `versions` compares what they serve.
        said = f"Python {version}, release {releases[0]}; in other containers: {', '.join(missing)}"
        return well("python", said)
    if missing:
        said = f"Python {version}, release {releases[0]}, without {', '.join(missing)}"
        return look("python", said, "make install, where `quintet up` should run them here")
    return well("python", f"Python {version}, release {releases[0]}, all parts")


def settings(_settings: CommandSettings) -> Finding:
    """Check that every QUINTET_* variable is a known setting, which finds misspelt ones."""
    given = sorted(name for name in os.environ if name.upper().startswith(_PREFIX))
    files = {f"{name}{FILE_SUFFIX}" for name in SECRETS}
    known = SETTINGS | FOR_DEVELOPERS | files
    unknown = [name for name in given if name.upper() not in known]
    if not unknown:
        return _secret_files() or well("settings", f"{len(given)} set, all known")
    # 0.8 finds one wrong or missing letter, and rarely another setting.
    near = {name: difflib.get_close_matches(name.upper(), SETTINGS, 1, 0.8) for name in unknown}
    told = [f"{name} (perhaps {near[name][0]})" if near[name] else name for name in unknown]
    return wrong(
        "settings",
        f"nobody reads {', '.join(told)}",
        "correct or unset it; .env.template names every setting",
    )


def _secret_files() -> Finding | None:
    for name in sorted(SECRETS):
        try:
            from_file(name, os.environ)
        except SecretUnreadable as fault:
            return wrong("settings", str(fault), f"correct or unset {fault.setting}")
    return None


def _secret(name: str) -> str:
    """Read a secret from the environment or its file; empty if it is in neither."""
    try:
        return from_file(name, os.environ) or os.environ.get(name, "")
    except SecretUnreadable:
        return ""


def home(settings: CommandSettings) -> Finding:
    """Check that QUINTET_HOME can be written."""
    folder = settings.home.resolve()
    if not folder.exists():
        said = f"{folder} does not exist yet"
        return look("home", said, f"`{place.start()}` creates it, or set QUINTET_HOME")
    if not folder.is_dir():
        return wrong("home", f"{folder} is not a folder", "set QUINTET_HOME to a folder")
    # By writing: permissions alone miss read-only mounts, quotas and full disks.
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as probe:
            probe.write(b"x")
            probe.flush()
    except OSError as fault:
        return wrong(
            "home",
            f"{folder} cannot be written ({fault.strerror})",
            "give the user that runs Quintet the right to write there, or set QUINTET_HOME",
        )
    return well("home", f"{folder} can be written")


def file_modes(settings: CommandSettings) -> Finding:
    """Check that other users can read nothing but what is published for them."""
    folder = settings.home.resolve()
    # What a restore replaced is a home too.
    homes = [folder, *folder.glob(".before-restore-*")]
    names = ("catalogue", "models", "search", "access/public")
    shared = [home / name for home in homes for name in names]
    wide = [
        path
        for path in sorted(folder.rglob("*"))
        if not path.is_symlink()
        and path.is_file()
        and path.stat().st_mode & 0o077
        and not any(path.is_relative_to(each) for each in shared)
    ]
    if not wide:
        return well("file modes", "private files are for their owner alone")
    said = f"{len(wide)} private files can be read by other users, such as {wide[0].name}"
    return look("file modes", said, f"chmod -R go= {wide[0].parent}")


def disk(settings: CommandSettings) -> Finding:
    """Check that the disk of QUINTET_HOME has room."""
    folder = settings.home.resolve()
    # A home that does not exist yet will be on the disk of its nearest parent.
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:,.1f} GB free"
    if free >= _FEW_BYTES:
        return well("disk", said)
    remedy = "quintet housekeeping removes what nothing uses; QUINTET_HOME may go to another disk"
    return (wrong if free < _LEAST_BYTES else look)("disk", said, remedy)


def clock(settings: CommandSettings) -> Finding:
    """Check that the clock can be right: after the first release and all published files."""
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    remedy = "set the clock, such as by `timedatectl set-ntp true`"
    if now < _FIRST_DAY:
        return wrong("clock", f"{shown} is before the first release", remedy)
    # A clock that runs back makes tokens and retention wrong without any error.
    newest = max(_written(settings.home / name / CURRENT) for name in ("catalogue", "models"))
    if newest > now + _AHEAD_SECONDS:
        return wrong("clock", f"{shown} is {newest - now:,.0f} s before files in home", remedy)
    return well("clock", shown)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def spotify(_settings: CommandSettings) -> Finding:
    """Check that both of Spotify's credentials are set, or neither; never show them."""
    names = ("SPOTIPY_CLIENT_ID", "SPOTIPY_CLIENT_SECRET")
    given = [name for name in names if _secret(name)]
    if len(given) == len(names):
        return well("spotify", "credentials are set; search may ask Spotify too")
    if not given:
        return well("spotify", "no credentials; search answers from the catalogue alone")
    (missing,) = set(names) - set(given)
    return wrong("spotify", f"{given[0]} is set but {missing} is not", f"set {missing}")


def secrets(settings: CommandSettings) -> Finding:
    """Check that secrets are strong and private, if other machines can reach the services."""
    auth = Auth.ON if os.environ.get("QUINTET_AUTH", "").lower() == "on" else Auth.OFF
    try:
        require_auth_when_exposed(auth, settings.host)
    except ExposedWithoutAuth as fault:
        said, _, remedy = str(fault).partition(": ")
        return wrong("secrets", said, remedy)
    loose = [path for path in _kept(settings.home / "access") if path.stat().st_mode & 0o077]
    if loose:
        said = f"others may read {loose[0]}" + f" and {len(loose) - 1} more" * (len(loose) > 1)
        return wrong("secrets", said, f"chmod go= {' '.join(map(str, loose[:3]))}")
    if is_loopback(settings.host):
        return well("secrets", f"bound to {settings.host}: only this machine reaches it")
    weak = _weak(settings)
    if weak:
        return wrong("secrets", f"{' and '.join(weak)} can be guessed", "choose long random ones")
    return well("secrets", f"bound to {settings.host}, and callers need a token")


def _kept(folder: Path) -> list[Path]:
    """List files that only their owner may read; public keys are for every service."""
    if not folder.is_dir():
        return []
    public = folder / "public"
    return [path for path in folder.rglob("*") if path.is_file() and public not in path.parents]


def _weak(settings: CommandSettings) -> list[str]:
    found = []
    for name in ("QUINTET_DATABASE_URL", "QUINTET_MLFLOW_BACKEND_URL"):
        try:
            url = make_url(_secret(name))
        except ArgumentError:
            continue
        # None: the password comes from elsewhere, such as a password file.
        if url.password is not None and str(url.password).lower() in _WEAK:
            found.append(f"the password in {name}")
    airflow = _secret("QUINTET_AIRFLOW_PASSWORD")
    if airflow and airflow.lower() in _WEAK:
        found.append("QUINTET_AIRFLOW_PASSWORD")
    key = settings.listener_key.get_secret_value()
    # Fewer than eight different characters cannot be random.
    if key and len(set(key)) < 8:
        found.append("QUINTET_LISTENER_KEY")
    return found
