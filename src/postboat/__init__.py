"""Postboat keeps a mailbox the same in two places, in both directions: a server and Maildirs, or two servers.

A newcomer reads `sync/folder_pair.py` first: the whole story of a folder is one short function there.
The words of the program stand at the root: nouns in `model.py`, verbs in `operations.py`, happenings in
`events.py`, failures in `errors.py`; and what a run is at in `status.py` (an account: `account_status.py`). Both are
sent as JSON (`event_json.py`, `status_json.py`) and read again by what they declare (`declared.py`).
Departments hold the machinery and do not know each other: `config` (what the user wants), `sync` (two sides made
equal), `imap` and `maildir` (the kinds of shores), `ledger` (what both last agreed on). `service` introduces them, `ui`
shows, `cli` starts.
"""

__version__ = "0.1.0"
