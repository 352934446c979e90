"""Whatever a configuration holds, reading it ends in a `Config` or a `ConfigError`."""

from __future__ import annotations

import configparser
import warnings

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postboat.config.document import Problems
from postboat.config.load import load
from postboat.config.offlineimaprc import read
from postboat.errors import ConfigError

WORDS = [
    *("[general]", "[Account A]", "[account.A]", "[Repository R]", "[repository.R]", "[DEFAULT]", "[mbnames]", "["),
    *("accounts", "localrepository", "remoterepository", "type", "localfolders", "remotehost", "remoteuser", "sep"),
    *("remotepass", "folderfilter", "nametrans", "folderincludes", "rename", "ssl", "maxconnections", "autorefresh"),
    *("metadata", "pythonfile", "remoteporteval", "cert_fingerprint", "sslcacertfile", "utf8foldernames", "ui"),
    *(
        "=",
        ":",
        "\n",
        "\n",
        "\n",
        "\n  ",
        "A",
        "R",
        '"A"',
        '"R"',
        "Maildir",
        '"IMAP"',
        "Gmail",
        "yes",
        "true",
        "1",
        "-1",
    ),
    *(
        "%",
        "%(x)s",
        "#",
        ";",
        ",",
        "'",
        '"',
        "lambda n: n",
        "'lambda n: n'",
        "(",
        "{",
        "}",
        "]",
        "\0",
        "é",
        "~",
        "$X",
        "/",
    ),
]
TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join),
    st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)), max_size=30).map(
        lambda pairs: (
            "[general]\n" + "\n".join(f"{one} = {other}" if one[:1].isalpha() else one for one, other in pairs)
        )
    ),
)
SLOW_FILES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)


@SLOW_FILES
@given(text=TEXTS, name=st.sampled_from(["x.toml", ".offlineimaprc", "x"]), override=st.text(max_size=12))
def test_any_text_is_read_or_refused(tmp_path, text, name, override):
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load(path, overrides=[override])
    except ConfigError as error:
        assert error.problems


@SLOW_FILES
@given(octets=st.binary(max_size=60))
def test_any_octets_are_read_or_refused(tmp_path, octets):
    path = tmp_path / "x.toml"
    path.write_bytes(octets)
    try:
        load(path)
    except ConfigError as error:
        assert error.problems


@SLOW_FILES
@given(text=TEXTS)
def test_lines_of_an_offlineimaprc_are_found_for_every_option_that_configparser_sees(tmp_path, text):
    text = text.replace("[account.A]", "[Account B]").replace("\r", "")
    parser = configparser.ConfigParser(strict=False)
    try:
        with warnings.catch_warnings(action="error"):
            parser.read_string(text)
    except configparser.Error:
        return
    problems = Problems()
    document = read(tmp_path / "rc", text, problems)
    for section in document.sections.values():
        for option, entry in section.entries.items():
            if option not in section.inherited:
                line = text.split("\n")[entry.place.line - 1]
                assert option in line.lower()
