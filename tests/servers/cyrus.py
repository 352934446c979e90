"""Cyrus IMAP 3.6, run as an ordinary user from unpacked packages: the second QRESYNC, OBJECTID, a strict APPEND.

    with CyrusServer() as server:
        account = server.account()          # an empty mailbox nobody used before

It keeps no conversations: with them 3.6.1 now and then stores a new message as a link to another one of the mailbox,
since it does not check what it finds by its index of contents (repaired in cyrus-imapd's pull request 4402).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from tests.servers.process import HOST, PASSWORD, Account, AccountNames, Home, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.process import Daemon

IMAPD_CONF = """
configdirectory: {home}/conf
partition-default: {home}/spool
cyrus_user: {user}
servername: localhost
syslog_prefix: postboat-tests
allowplaintext: yes
failedloginpause: 0
sasl_mech_list: PLAIN CRAM-MD5
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {home}/sasldb2
unixhierarchysep: yes
altnamespace: yes
autocreate_quota: 0
mboxname_lockpath: {home}/run/lock
proc_path: {home}/run/proc
idlesocket: {home}/run/idle
notifysocket: {home}/run/notify
lmtpsocket: {home}/run/lmtp
conversations: no
statuscache: yes
skiplist_unsafe: yes
{extra}
"""

CYRUS_CONF = """
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {home}/imapd.conf -r"
}}
DAEMON {{
  idled cmd="{bin}/idled -C {home}/imapd.conf -d"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {home}/imapd.conf -U 30" listen="{host}:{port}" prefork=2
}}
"""


class CyrusServer:
    """A running Cyrus, without TLS. `extra` is put at the end of imapd.conf. Raises ServerFailed."""

    preauth = False
    tls_port = None

    def __init__(self, *, extra: str = "") -> None:
        self.host, self.port = HOST, free_port()
        self._names = AccountNames()
        self._known: set[str] = set()
        self._home = Home("cyrus")
        try:
            self._configure(extra)
            self._daemon = self._start()
        except BaseException:
            self._home.remove()
            raise

    def _configure(self, extra: str) -> None:
        for name in ("conf", "conf/socket", "spool", "run"):
            self._home.directory(name)
        home, user = self._home.path, self._home.owner.user
        self._home.write("imapd.conf", IMAPD_CONF.format(home=home, user=user, extra=extra))
        self._home.write("cyrus.conf", CYRUS_CONF.format(home=home, bin=self._bin, host=self.host, port=self.port))

    @property
    def _bin(self) -> Path:
        return self._home.programs / "usr/lib/cyrus/bin"

    def _start(self) -> Daemon:
        home = self._home.path
        files = ("-C", home / "imapd.conf", "-M", home / "cyrus.conf", "-p", home / "run/master.pid")
        daemon = self._home.daemon(self._bin / "master", "-D", *files)
        daemon.wait_for_greeting(self.port)
        return daemon

    def account(self, user: str | None = None) -> Account:
        """Return the account of `user`, or an empty one that no test had before."""
        user = user or self._names.next()
        if user not in self._known:
            self._set_password(user)
            self._known.add(user)
        return Account(self.host, self.port, user, PASSWORD)

    def _set_password(self, user: str) -> None:
        options = ("-p", "-c", "-f", self._home.path / "sasldb2", "-u", "localhost")
        self._home.run(self._home.programs / "usr/sbin/saslpasswd2", *options, user, stdin=PASSWORD.encode())

    def log(self) -> str:
        """Return what the server wrote to its standard error; the rest goes to the machine's syslog, if it has one."""
        return self._daemon.console()

    def stop(self) -> None:
        """End the server at once and remove its mail."""
        self._daemon.kill()
        self._home.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
