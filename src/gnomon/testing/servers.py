"""Starts real servers for tests: each with its own port and folder, unprivileged, stopped by pid.

::

    with servers.PostgreSQL() as server:
        connect(host=server.address, port=server.port)

Nothing outside the server's own temporary folder is touched. A server that is not installed raises
`Missing`, which pytest and unittest show as a skipped test with the reason. A server that refuses
to run as root runs as its own Debian user, or as `nobody`. Linux only.
"""

from __future__ import annotations

import codecs
import contextlib
import importlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Self, TypedDict

import psutil

from gnomon.core.clock import SystemClock

READY = 30.0
"""Seconds a server may take until it answers."""
STOPPED = 10.0
"""Seconds a server may take to stop before it is killed."""


class Missing(unittest.SkipTest):
    """The server is not installed here; the message says which Debian package has it."""


class NotReady(Exception):
    """The server did not come up; the message ends with the last lines of its log."""


class _Account(TypedDict, total=False):
    """Keyword arguments of `subprocess` that give up root."""

    user: int
    group: int
    extra_groups: Sequence[int]


class Server:
    """One server process with a folder of its own. Subclasses say what to prepare and to run."""

    program = ""
    """Name of the executable."""
    package = ""
    """The Debian package that has it."""
    places: Sequence[str] = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin")
    """Folders to look in, before `PATH`."""
    user = "nobody"
    """Whom to run as when the test runs as root."""
    stop_signal = signal.SIGTERM
    address = "127.0.0.1"

    def __init__(self) -> None:
        """Looks for the program; raises `Missing`."""
        self.executable = find(self.program, self.package, self.places)
        self.account = _account(self.user)
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"gnomon-{self.port}-"))
        self._own(self.folder)
        self.process: subprocess.Popen[bytes] | None = None
        self._clock = SystemClock()
        self._prepared = False

    @property
    def pid(self) -> int:
        """Of the running server."""
        if self.process is None:
            raise NotReady(f"{self.program} is not running")
        return self.process.pid

    @property
    def log(self) -> str:
        """What the server has written."""
        file = self.folder / "server.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def prepare(self) -> None:
        """Writes the data folder and the settings, once."""

    def command(self) -> list[str]:
        """What to run, in the foreground."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it can be spoken to; by default, whether it takes a connection."""
        with (
            contextlib.suppress(OSError),
            socket.create_connection((self.address, self.port), timeout=1),
        ):
            return True
        return False

    def start(self) -> Self:
        """Returns when the server answers. May be called again after `stop` or `kill`."""
        if not self._prepared:
            self.prepare()
            self._prepared = True
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_ends_with_us(), *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                **self._as_account(),
            )
        end = self._clock.monotonic() + READY
        while not self.answers():
            if self.process.poll() is not None or self._clock.monotonic() > end:
                self.kill()
                raise NotReady(f"{self.program} does not come up:\n{self.log[-2000:]}")
            self._clock.sleep(0.02)
        return self

    def stop(self) -> None:
        """Ends it in an orderly way; kills it if that takes too long."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOPPED)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self) -> None:
        """Ends it and its children at once (`kill -9`)."""
        if self.process is None:
            return
        children: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()
        self.process.wait(STOPPED)
        psutil.wait_procs(children, STOPPED)
        self.process = None

    def close(self) -> None:
        """Stops it and removes its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, name: str, text: str) -> Path:
        """A file in the server's folder, readable by the server."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self._own(path)
        return path

    def run(self, *command: str | Path) -> str:
        """Runs a program as the server's user; returns what it printed."""
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=self.folder,
            **self._as_account(),
        )
        if done.returncode:
            raise NotReady(f"{command[0]} failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
        return done.stdout

    def _own(self, path: Path) -> None:
        path.chmod(0o755 if path.is_dir() else 0o600)
        if self.account is not None:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def _as_account(self) -> _Account:
        if self.account is None:
            return {}
        return {
            "user": self.account.pw_uid,
            "group": self.account.pw_gid,
            "extra_groups": [],
        }


class PostgreSQL(Server):
    """The newest PostgreSQL there is. `OWNER` may always connect; others as `allow` says."""

    program = "postgres"
    package = "postgresql"
    user = "postgres"
    stop_signal = signal.SIGINT  # "fast": does not wait for clients

    OWNER = "owner"
    """A superuser who needs no password."""
    DEBIAN_RULES = ("local all all peer", "host all all 127.0.0.1/32 md5")
    """Who else may connect, as Debian has it (`md5` takes SCRAM passwords, too)."""

    def __init__(self, programs: Path | None = None, *, primary: PostgreSQL | None = None) -> None:
        """`programs` is the folder of executables, by default those of the newest version.

        With a `primary`, a standby of it; the primary must be running at `start`.
        """
        self.places = [str(path) for path in ([programs] if programs else postgresql_folders())]
        super().__init__()
        self.data = self.folder / "data"
        self.primary = primary
        self.settings = {
            "listen_addresses": self.address,
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": "30",
        }

    def prepare(self) -> None:
        """See `Server`."""
        if self.primary is None:
            self.run(
                self._tool("initdb"),
                *("--pgdata", self.data),
                *("--username", self.OWNER, "--auth", "trust"),
                *("--encoding", "UTF8", "--no-locale", "-N"),
            )
            self._write_rules(self.DEBIAN_RULES)
        else:
            self.run(
                self._tool("pg_basebackup"),
                *("--pgdata", self.data, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
                *("--create-slot", "--slot", f"standby_{self.port}"),
                *("--username", self.OWNER, "--port", str(self.primary.port)),
                *("--host", self.primary.folder),
            )
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in self.settings.items())

    def command(self) -> list[str]:
        """See `Server`."""
        return [self.executable, "-D", str(self.data)]

    def answers(self) -> bool:
        """See `Server`."""
        ready = [self._tool("pg_isready"), "-q", "-h", str(self.folder), "-p", str(self.port)]
        return subprocess.run(ready, check=False, timeout=10).returncode == 0

    def allow(self, *rules: str) -> None:
        """Puts the lines of `pg_hba.conf` for everyone but the owner into force."""
        before = self.sql("SELECT pg_conf_load_time()")
        self._write_rules(rules)
        self.sql("SELECT pg_reload_conf()")
        end = self._clock.monotonic() + READY
        while self.sql("SELECT pg_conf_load_time()") == before:
            if self._clock.monotonic() > end:
                raise NotReady(f"{self.program} did not reload its rules:\n{self.log[-2000:]}")
            self._clock.sleep(0.01)

    def sql(self, *statements: str, database: str = "postgres") -> str:
        """Runs statements as the owner, each on its own; columns of a row come apart by `|`."""
        commands = [word for statement in statements for word in ("-c", statement)]
        return self.run(
            self._tool("psql"),
            *("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
            *("-h", self.folder, "-p", str(self.port), "-U", self.OWNER, "-d", database),
            *commands,
        ).strip()

    def _tool(self, name: str) -> str:
        own = Path(self.executable).with_name(name)
        others = [str(path) for path in postgresql_folders()]
        return str(own) if own.exists() else find(name, "postgresql-client", others)

    def _write_rules(self, rules: Sequence[str]) -> None:
        always = (
            f"local all {self.OWNER} trust",
            f"local replication {self.OWNER} trust",
        )
        self.write("data/pg_hba.conf", "\n".join((*always, *rules, "")))


class Redis(Server):
    """Redis, in memory only."""

    program = "redis-server"
    package = "redis-server"
    user = "redis"

    password = ""
    """Set before `start` to require it."""

    @property
    def socket(self) -> Path:
        """Its unix socket."""
        return self.folder / "redis.sock"

    def command(self) -> list[str]:
        """See `Server`."""
        words = [self.executable, "--bind", self.address, "--port", str(self.port)]
        words += ["--unixsocket", str(self.socket), "--dir", str(self.folder)]
        words += ["--save", "", "--appendonly", "no"]
        return words + (["--requirepass", self.password] if self.password else [])


class MariaDB(Server):
    """MariaDB with a `root` that needs no password."""

    program = "mariadbd"
    package = "mariadb-server"
    user = "mysql"

    @property
    def socket(self) -> Path:
        """Its unix socket."""
        return self.folder / "mysqld.sock"

    def prepare(self) -> None:
        """See `Server`."""
        self.run(
            find("mariadb-install-db", self.package, self.places),
            *("--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"),
            f"--datadir={self.folder / 'data'}",
        )

    def command(self) -> list[str]:
        """See `Server`."""
        return [
            self.executable,
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.socket}",
            f"--port={self.port}",
            f"--bind-address={self.address}",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=8M",
        ]

    def answers(self) -> bool:
        """Whether it greets; its port is open long before, and until then it cannot be stopped."""
        with (
            contextlib.suppress(OSError),
            socket.create_connection((self.address, self.port), timeout=1) as link,
        ):
            return bool(link.recv(1))
        return False


class Memcached(Server):
    """memcached with 16 MB."""

    program = "memcached"
    package = "memcached"
    user = "memcache"

    def command(self) -> list[str]:
        """See `Server`."""
        return [self.executable, "-l", self.address, "-p", str(self.port), "-U", "0", "-m", "16"]


class Nginx(Server):
    """nginx with an empty page at `/` and its counters at `/nginx_status`."""

    program = "nginx"
    package = "nginx-light"
    user = "www-data"
    stop_signal = signal.SIGQUIT

    SETTINGS = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {address}:{port};
    location / {{ return 204; }}
    location /nginx_status {{ stub_status; }}
  }}
}}
"""

    def prepare(self) -> None:
        """See `Server`."""
        self.write(
            "nginx.conf",
            self.SETTINGS.format(folder=self.folder, address=self.address, port=self.port),
        )

    def command(self) -> list[str]:
        """See `Server`."""
        return [self.executable, "-e", "stderr", "-c", str(self.folder / "nginx.conf")]


class Sshd(Server):
    """OpenSSH's server, with a host key of its own and nobody who may log in."""

    program = "sshd"
    package = "openssh-server"

    def prepare(self) -> None:
        """See `Server`."""
        key = self.folder / "host_key"
        self.run(
            find("ssh-keygen", "openssh-client", self.places),
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-f",
            key,
        )
        self.write(
            "sshd_config",
            f"Port {self.port}\nListenAddress {self.address}\nHostKey {key}\n"
            f"PidFile {self.folder / 'sshd.pid'}\nUsePAM no\nPasswordAuthentication no\n",
        )

    def command(self) -> list[str]:
        """See `Server`."""
        return [self.executable, "-D", "-e", "-f", str(self.folder / "sshd_config")]


def find(program: str, package: str, places: Sequence[str]) -> str:
    """The executable's path; raises `Missing`."""
    found = shutil.which(program, path=os.pathsep.join(places)) or shutil.which(program)
    if found is None:
        raise Missing(f"{program} is not installed (Debian package {package})")
    return found


def postgresql_folders() -> list[Path]:
    """Folders of PostgreSQL executables: Debian's, the newest version first, then any others.

    Others are those named in the environment variable `GNOMON_TEST_POSTGRESQL`, in the form of
    `PATH`: tests that hold for every version then run on them, too.
    """
    found = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if p.parent.name.isdigit()]
    others = os.environ.get("GNOMON_TEST_POSTGRESQL", "")
    return [
        *sorted(found, key=_version, reverse=True),
        *(Path(name) for name in others.split(os.pathsep) if name),
    ]


def _version(path: Path) -> int:
    return int(path.parent.name)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def acting_as(user: str) -> Generator[None]:
    """Gives up root for a while: this process may do what `user` may. Raises `Missing`.

    Works on the whole process, threads included. What Python has not imported by then may be out of
    that user's reach.
    """
    account = _account(user)
    if account is None or account.pw_name != user:
        raise Missing(f"acting as {user} needs root and that user")
    for encoding in ("ascii", "latin-1", "idna"):
        codecs.lookup(encoding)  # each is a module that is imported when it is used first
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(account.pw_gid)
    os.seteuid(account.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
        importlib.invalidate_caches()


def _account(user: str) -> pwd.struct_passwd | None:
    """Whom to become; None when we are nobody in particular already."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(user)
    return pwd.getpwnam("nobody")


def _ends_with_us() -> list[str]:
    """Has the kernel stop the server when the test that started it is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
