"""What a folder is called on the other side, and whether it is synced at all. Pure, and proved before it is used.

Rules see a name as one text: the parts joined by the separator, in Unicode, or in modified UTF-7 when
`utf8foldernames` is false. A remote name goes through: filter, `strip_prefix`, `rename`, `nametrans`. What comes out
splits at the server's separator into the parts of the local name.

Between two servers, a name that no remote rule changes loses the prefix of the remote server's namespace; and every
name gets that of the local one, unless a rule has put it there (`namespaces`).
"""

from __future__ import annotations

from functools import cmp_to_key
from typing import TYPE_CHECKING

from postboat.config.folder_filter import FolderFilter, called, described
from postboat.config.namespaces import LocalSpelling, below, namespace_levels
from postboat.errors import FolderRulesRefused
from postboat.model import INBOX, FolderName

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from postboat.config.schema import FolderRules

    Codec = Callable[[str], str]


class NameMap:
    """The folder names of an account, both ways.

    `delimiter` is the server's; None for a server without hierarchy. `encode` and `decode` are modified UTF-7 (RFC
    3501 section 5.1.3), used when `utf8foldernames` is false; they are left out when remote names come encoded
    already. `local_sep` is what the local repository's own rules see between levels. `only`, if not empty, names the
    remote folders to sync (`-f`) in place of the remote filters. `between_servers`: the local side is a server too,
    with `local_sep` as its delimiter and `local_prefix` for a namespace; both servers' prefixes are translated then.
    """

    def __init__(
        self,
        remote_rules: FolderRules,
        local_rules: FolderRules,
        delimiter: str | None,
        namespace_prefix: str = "",
        *,
        encode: Codec = str,
        decode: Codec = str,
        local_sep: str | None = None,
        only: Collection[str] = (),
        local_prefix: str = "",
        between_servers: bool = False,
    ) -> None:
        self._delimiter = delimiter
        self._between_servers = between_servers
        self._namespace = namespace_levels(namespace_prefix, delimiter) if between_servers else ()
        self._prefix = namespace_prefix
        self._encode, self._decode = encode, decode
        self._utf8 = remote_rules.utf8foldernames
        self._local_sep = local_sep or delimiter or "/"
        self._rules, self._local_rules = remote_rules, local_rules
        local_namespace = namespace_levels(local_prefix, local_sep) if between_servers else ()
        self._local = LocalSpelling(local_rules, self._local_sep, local_namespace)
        self._strip = self._spelt(remote_rules.strip_prefix)
        self._renames = self._normal_renames(remote_rules.rename)
        self._only = {self._spelt(name): name for name in only}
        self._passes_remote = FolderFilter(remote_rules)
        self._passes_local = FolderFilter(local_rules)

    def wanted(self, remote: FolderName) -> bool:
        """Whether a remote folder is synced. Raises `FolderRulesRefused` when a rule fails."""
        text = self.remote_text(remote)
        if not (self._is_named(remote, text) if self._only else self._passes_remote(text)):
            return False
        return self._passes_local(self.local_text(self.local_name(remote)))

    def local_name(self, remote: FolderName) -> FolderName:
        """What a remote folder is called locally. Raises `FolderRulesRefused` when that is no name."""
        text = self.remote_text(remote)
        translated = self._translate(text)
        parts = self._plain(remote, translated) if translated != text else tuple(map(self._coded, remote.parts))
        if flaw := _flaw(parts):
            told = f"remote folder {text!r} would be called {translated!r} locally, which {flaw}"
            raise FolderRulesRefused(f"{told}; {_AMEND}")
        bare = below(parts, self._namespace) if translated == text else None
        local = self._local.spelt(bare or parts, by_rules=translated != text, from_namespace=bare is not None)
        if local is None:
            raise FolderRulesRefused(f"remote folder {text!r} has no local name that leads back to it; {_AMEND}")
        return FolderName.of(*local)

    def remote_name(self, local: FolderName) -> FolderName | None:
        """What a local folder that the server lacks would be called there; it leads back to the local name.

        None if the filters leave the folder out, or if no name leads back, which `prove` tells beforehand.
        """
        try:
            return self._way_up(local)
        except FolderRulesRefused:
            return None

    def prove(
        self,
        remote_folders: Iterable[FolderName],
        local_folders: Iterable[FolderName],
        *,
        may_create_remote: bool = True,
        may_create_local: bool = True,
    ) -> list[str]:
        """Everything wrong with the rules for these folders, each problem with both names; empty: all is well."""
        remote, local = sorted(set(remote_folders)), set(local_folders)
        problems: list[str] = []
        taken: dict[FolderName, FolderName] = {}
        for folder in remote:
            try:
                if not self.wanted(folder):
                    continue
                name = self.local_name(folder)
            except FolderRulesRefused as refused:
                problems.append(str(refused))
                continue
            if not may_create_local and name not in local:
                continue
            if (first := taken.setdefault(name, folder)) != folder:
                both = f"remote folders {self.remote_text(first)!r} and {self.remote_text(folder)!r}"
                problems.append(f"{both} would both be called {self.local_text(name)!r} locally; {_AMEND}")
        proposed: set[FolderName] = set()
        if may_create_remote:
            problems += self._prove_upward(sorted(local - taken.keys()), proposed)
        return problems + self._prove_only({*remote, *proposed})

    def sort(self, folders: Iterable[FolderName]) -> list[FolderName]:
        """Remote folders in the order of work: INBOX, then by `foldersort`, else by their translated names."""
        names = {folder: self._translate(self.remote_text(folder)) for folder in folders}
        ordered = sorted(names, key=lambda folder: (folder != INBOX, names[folder].casefold(), folder))
        if (compare := self._rules.foldersort) is not None:
            key = cmp_to_key(compare)
            try:
                ordered.sort(key=lambda folder: (folder != INBOX, key(names[folder])))
            except Exception as error:
                raise FolderRulesRefused(f"foldersort fails: {described(error)}") from error
        return ordered

    def remote_text(self, remote: FolderName) -> str:
        """A remote folder as the rules see it, with the server's separator: what users write, and what is shown."""
        return self._coded(self._joined(remote))

    def local_text(self, local: FolderName) -> str:
        """A local folder as the local repository's rules see it."""
        return self._local_sep.join(local.parts)

    # From remote to local

    def _coded(self, text: str) -> str:
        return text if self._utf8 else self._encode(text)

    def _translate(self, text: str) -> str:
        result: object = self._renamed(self._stripped(text))
        if self._rules.nametrans is not None:
            result = called(self._rules.nametrans, str(result), "nametrans", f"remote folder {text!r}")
        if not isinstance(result, str):
            raise FolderRulesRefused(f"nametrans gives {result!r} for remote folder {text!r}; it must give a text")
        return result

    def _stripped(self, text: str) -> str:
        return text[len(self._strip) :] if self._strip and text.startswith(self._strip) else text

    def _renamed(self, text: str) -> str:
        for old, new in self._renames.items():
            if self._is_at_or_below(text, old):
                return new + text[len(old) :]
        return text

    def _is_at_or_below(self, text: str, root: str) -> bool:
        return text == root or (self._delimiter is not None and text.startswith(root + self._delimiter))

    def _plain(self, remote: FolderName, translated: str) -> tuple[str, ...]:
        """The levels of a name that a rule made. A level of one that no rule changed may hold the separator.

        As in OfflineIMAP, a rule may write the local server's separator as well; but where the remote name holds it
        as a common character, that it stays.
        """
        parts = self._split(translated)
        if not self._between_servers or any(self._local_sep in part for part in remote.parts):
            return parts
        return tuple(level for part in parts for level in part.split(self._local_sep))

    # From local to remote

    def _way_up(self, local: FolderName) -> FolderName | None:
        """The remote name, None if it is filtered out. Raises `FolderRulesRefused` when none leads back."""
        if not self._passes_local(self.local_text(local)):
            return None
        tried: list[str] = []
        for text in self._candidates(local):
            candidate = self._as_remote(text, local)
            if candidate is not None and self._leads_to(candidate, local):
                return candidate if self.wanted(candidate) else None
            tried.append(text)
        if self._only:
            return None
        raise FolderRulesRefused(self._no_way_back(local, tried))

    def _candidates(self, local: FolderName) -> Iterator[str]:
        """Remote names worth trying, the likeliest first, each once."""
        return iter(dict.fromkeys(self._all_candidates(local)))

    def _all_candidates(self, local: FolderName) -> Iterator[str]:
        if local == INBOX:
            yield self._joined(local)
        if self._local_rules.nametrans is not None:
            yield from self._by_local_nametrans(FolderName(self._local.ruled(local.parts)))
        plains = [self._joined(name) for name in self._meanings(local)]
        for plain in plains:
            yield from self._before_renaming(plain)
        for plain in plains:
            yield from self._before_stripping(plain)

    def _by_local_nametrans(self, local: FolderName) -> Iterator[str]:
        joint = self._delimiter or "/"
        assert self._local_rules.nametrans is not None
        for mark in dict.fromkeys((self._local_sep, joint)):
            seen = mark.join(local.parts)
            result = called(self._local_rules.nametrans, seen, "the local nametrans", f"local folder {seen!r}")
            if not isinstance(result, str):
                told = f"the local nametrans gives {result!r} for local folder {seen!r}; it must give a text"
                raise FolderRulesRefused(told)
            yield result.replace(mark, joint)

    def _before_renaming(self, plain: str) -> Iterator[str]:
        for old, new in sorted(self._renames.items(), key=lambda pair: -len(pair[1])):
            if self._is_at_or_below(plain, new):
                yield self._strip + old + plain[len(new) :]
                yield old + plain[len(new) :]

    def _before_stripping(self, plain: str) -> Iterator[str]:
        if self._strip:
            yield self._strip + plain
        if self._prefix:
            yield self._coded(self._prefix) + plain
        yield plain

    def _meanings(self, local: FolderName) -> tuple[FolderName, ...]:
        """What a local name means on the other side, before the remote rules are undone: the likeliest first."""
        return tuple(dict.fromkeys((FolderName(self._local.plain(local.parts)), local)))

    def _as_remote(self, text: str, local: FolderName) -> FolderName | None:
        """The remote folder of that name. A part of an unchanged name that holds the separator is left whole."""
        whole = (name.parts for name in self._meanings(local) if text == self._joined(name))
        parts = next(whole, None) or self._split(text)
        if not self._utf8:
            try:
                parts = tuple(map(self._decode, parts))
            except ValueError:
                return None
        return None if _flaw(parts) else FolderName.of(*parts)

    def _leads_to(self, remote: FolderName, local: FolderName) -> bool:
        try:
            return self.local_name(remote) == local
        except FolderRulesRefused:
            return False

    def _no_way_back(self, local: FolderName, tried: Sequence[str]) -> str:
        ways = ", ".join(f"{text!r} ({self._fate(text, local)})" for text in tried)
        name = self.local_text(local)
        advice = (
            _AMEND_BACK
            if self._between_servers
            else f"if it is no mail folder, move its directory away; else {_AMEND_BACK}"
        )
        return f"local folder {name!r} has no remote name that leads back to it: tried {ways}; {advice}"

    def _fate(self, text: str, local: FolderName) -> str:
        remote = self._as_remote(text, local)
        if remote is None:
            return "is no folder name"
        try:
            return f"would be called {self.local_text(self.local_name(remote))!r} locally"
        except FolderRulesRefused:
            return "has no local name"

    def _joined(self, folder: FolderName) -> str:
        return (self._delimiter or "/").join(folder.parts)

    def _split(self, text: str) -> tuple[str, ...]:
        return tuple(text.split(self._delimiter)) if self._delimiter else (text,)

    # Proof

    def _prove_upward(self, local_only: Sequence[FolderName], proposed: set[FolderName]) -> list[str]:
        problems = []
        for folder in local_only:
            try:
                remote = self._way_up(folder)
            except FolderRulesRefused as refused:
                problems.append(str(refused))
                continue
            if remote is not None:
                proposed.add(remote)
        return problems

    def _prove_only(self, remote: Collection[FolderName]) -> list[str]:
        known = {text for folder in remote for text in self._spellings(folder, self.remote_text(folder))}
        unknown = [name for spelt, name in self._only.items() if spelt not in known]
        listed = "; `postboat folders` lists them"
        return [f"there is no remote folder {name!r}{_did_you_mean(name, known) or listed}" for name in unknown]

    def _is_named(self, remote: FolderName, text: str) -> bool:
        return any(spelling in self._only for spelling in self._spellings(remote, text))

    def _spellings(self, remote: FolderName, text: str) -> set[str]:
        """How the user may write a remote folder: as rules see it, or decoded."""
        return {text, self._joined(remote)}

    def _normal_renames(self, renames: Mapping[str, str]) -> dict[str, str]:
        """The table as it applies after the prefix is stripped, longest name first."""
        table = {self._stripped(self._spelt(old)): new for old, new in renames.items()}
        return {old: table[old] for old in sorted(table, key=len, reverse=True)}

    def _spelt(self, text: str) -> str:
        """The text with INBOX at its top in capitals, as `FolderName` has it."""
        top = text[:5]
        return "INBOX" + text[5:] if top.upper() == "INBOX" and text[5:6] in ("", self._delimiter) else text


_AMEND = "amend nametrans, rename or strip_prefix, or leave a folder out with folderfilter or exclude"
_NO_MAIL = "if it is no mail folder, move its directory away; else "
_AMEND_BACK = (
    "give the local repository a nametrans that undoes the remote one or a folderfilter that leaves it out, "
    "or set createfolders of the remote to no"
)


def _flaw(parts: Sequence[str]) -> str:
    """What makes parts unusable as a folder name, or nothing."""
    if not all(parts):
        return "is empty" if len(parts) == 1 else "has an empty level"
    if any(part in (".", "..") for part in parts):
        return "would lead out of its directory"
    if any("\0" in part for part in parts):
        return "holds a NUL"
    return ""


def _did_you_mean(word: str, choices: Collection[str]) -> str:
    from difflib import get_close_matches  # only a wrong name pays for it

    close = get_close_matches(word, choices, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
