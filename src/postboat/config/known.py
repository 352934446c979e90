"""Which options there are, and which of OfflineIMAP's have no effect yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.config.document import Problems, did_you_mean
from postboat.config.options import Options
from postboat.config.repositories import KINDS, is_maildir

if TYPE_CHECKING:
    from postboat.config.document import Document, Section


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GENERAL = _words("accounts maxsyncaccounts ui metadata pythonfile socktimeout fsync")
ACCOUNT = _words("""
    localrepository remoterepository autorefresh quick utf8foldernames maxdeletes maxdeletesfolder maxdeletespercent
    presynchook postsynchook hooktimeout notifications""")
REPOSITORY = _words(
    "type nametrans folderfilter folderincludes foldersort createfolders readonly sync_deletes include exclude"
    " rename strip_prefix keepdeleted"
)
MAILDIR = REPOSITORY | _words("localfolders sep layout")
IMAP = REPOSITORY | _words("""
    remotehost remotehosteval remoteport remoteporteval remoteuser remoteusereval
    remotepass remotepasseval remotepassfile ssl starttls sslcacertfile sslclientcert sslclientkey cert_fingerprint
    auth_mechanisms preauthtunnel transporttunnel maxconnections holdconnectionopen keepalive idlefolders
    subscribedonly reference expunge newmail_hook""")
MBNAMES = _words("enabled filename header peritem sep footer incremental folderfilter sort_keyfunc")

LATER = {
    "general": _words(
        "ignore-readonly utime_from_header filename_use_mail_timestamp dry-run ignore-keyring update-keyring"
    ),
    "account": _words("""
        maxsize maxage maildir-windows-compatible synclabels labelsheader ignorelabels
        filterheaders proxy authproxy skipsleep status_backend"""),
    "repository": _words("""
        dynamic_folderfilter startdate restoreatime utime_from_header filename_use_mail_timestamp remote_identity ipv6
        ssl_version tls_level oauth2_client_id oauth2_client_id_eval oauth2_client_secret oauth2_client_secret_eval
        oauth2_refresh_token oauth2_refresh_token_eval oauth2_access_token oauth2_access_token_eval oauth2_request_url
        decodefoldernames usecompression singlethreadperfolder retrycount copy_ignore_eval trashfolder
        spamfolder realdelete keyring""")
    | frozenset(f"customflag_{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"),
}
"""Options of OfflineIMAP that are not here yet."""


def check_names(document: Document, problems: Problems) -> None:
    """Tell of every option that nothing reads: an error in TOML, a warning for OfflineIMAP's own and in its file."""
    for section in document.sections.values():
        known = _known(section)
        for option, entry in section.entries.items():
            if option in known or option in section.inherited:
                continue
            name = f"{section.title}.{option}"
            if option in LATER.get(section.kind, ()):
                problems.warn(entry.place, f"{name}: has no effect yet")
            elif document.toml:
                problems.error(entry.place, f"{name}: is not known{_instead(section, option, known)}")
            else:
                problems.warn(entry.place, f"{name}: is not known and has no effect{_instead(section, option, known)}")


def _known(section: Section) -> frozenset[str]:
    if section.kind != "repository":
        return {"general": GENERAL, "account": ACCOUNT, "mbnames": MBNAMES}[section.kind]
    options = Options(section, Problems())
    told, kind = is_maildir(options), KINDS.get(options.text("type"))
    if told is None or kind != told:  # what it should be is told elsewhere
        return MAILDIR | IMAP
    return MAILDIR if told else IMAP


def _instead(section: Section, option: str, known: frozenset[str]) -> str:
    homes = {
        "[general]": GENERAL,
        "an account": ACCOUNT,
        "a repository": REPOSITORY,
        "a Maildir repository": MAILDIR,
        "an IMAP repository": IMAP,
        "[mbnames]": MBNAMES,
    }
    for home, options in homes.items():
        if option in options:
            return f" here; it belongs to {home}"
    return did_you_mean(option, known | LATER.get(section.kind, frozenset()))
