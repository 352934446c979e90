"""Who may call itself the server: trust stores, client certificates, pinned fingerprints.

Three ways to trust, by what the configuration gives:

- nothing or `sslcacertfile`: a chain to a trusted root, and the host's name in the certificate;
- `cert_fingerprint` alone: the certificate has that fingerprint, whoever signed it (self-signed servers);
- both: both.
"""

from __future__ import annotations

import hashlib
import ssl
from typing import TYPE_CHECKING

from postboat.errors import CertificateRefused

if TYPE_CHECKING:
    from postboat.config.schema import ServerConfig

_HASH_OF_LENGTH = {40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}


def context_for(remote: ServerConfig) -> ssl.SSLContext:
    """The TLS settings for a repository: TLS 1.2 at least, everything verified unless a fingerprint alone decides.

    Raises `CertificateRefused` when a certificate file cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if _fingerprint_decides(remote):
        _trust_anyone(context)
    else:
        _load_roots(context, remote)
    _load_client_certificate(context, remote)
    return context


def context_to_look(remote: ServerConfig) -> ssl.SSLContext:
    """Settings for a connection that only looks at the server's certificate and sends no secret."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _trust_anyone(context)
    _load_client_certificate(context, remote)
    return context


def check_pin(remote: ServerConfig, certificate: bytes | None) -> None:
    """Compare the server's own certificate (DER) with `cert_fingerprint`; nothing to compare is nothing to refuse.

    Raises `CertificateRefused` when none of the fingerprints is the certificate's.
    """
    pins = {pin.replace(":", "").lower() for pin in remote.cert_fingerprint}
    if not pins:
        return
    if certificate is not None and not pins.isdisjoint(_fingerprints(certificate)):
        return
    shown = f"sha256 {fingerprint(certificate)}" if certificate else "no certificate"
    raise CertificateRefused(
        f"the server's certificate is none of cert_fingerprint: it shows {shown}. If the server renewed its "
        "certificate, check this with its operator, then put it into cert_fingerprint"
    )


def refused(error: ssl.SSLCertVerificationError, certificate: bytes | None) -> CertificateRefused:
    """Say why a certificate failed, and what the user can do; `certificate` is what the server shows (DER)."""
    reason = error.verify_message
    advice = "If this is the right server, name the authority that signed it in sslcacertfile"
    if certificate is None:
        return CertificateRefused(f"the server's certificate is not trusted: {reason}. {advice}")
    return CertificateRefused(
        f"the server's certificate is not trusted: {reason}. {advice}, "
        f'or trust this one certificate: cert_fingerprint = "{fingerprint(certificate)}"'
    )


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a certificate (DER) in hex, as `cert_fingerprint` wants it."""
    return hashlib.sha256(certificate).hexdigest()


def describe(layer: ssl.SSLObject | None) -> tuple[str, str]:
    """A connection's protection and the server's certificate, for people; ("", "") without TLS."""
    if layer is None:
        return "", ""
    cipher = layer.cipher()
    protection = f"{layer.version()}, {cipher[0]}" if cipher else str(layer.version())
    der = layer.getpeercert(binary_form=True)
    if der is None:
        return protection, ""
    facts = layer.getpeercert() or {}  # empty when a fingerprint alone decides: nothing was parsed then
    named = [f"{role} {_name(facts[role])}" for role in ("subject", "issuer") if role in facts]
    if "notAfter" in facts:
        named.append(f"valid until {facts['notAfter']}")
    return protection, ", ".join([*named, f"sha256 {fingerprint(der)}"])


def _name(distinguished: object) -> str:
    """The common name of a subject or issuer, or what it has in its place."""
    pairs = {key: value for part in distinguished for key, value in part}  # type: ignore[attr-defined]
    return str(pairs.get("commonName") or pairs.get("organizationName") or "without a name")


def _fingerprint_decides(remote: ServerConfig) -> bool:
    return bool(remote.cert_fingerprint) and remote.sslcacertfile is None


def _fingerprints(certificate: bytes) -> set[str]:
    return {hashlib.new(name, certificate, usedforsecurity=False).hexdigest() for name in _HASH_OF_LENGTH.values()}


def _trust_anyone(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def _load_roots(context: ssl.SSLContext, remote: ServerConfig) -> None:
    if remote.sslcacertfile is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return
    try:
        context.load_verify_locations(cafile=remote.sslcacertfile)
    except (OSError, ssl.SSLError) as error:
        raise CertificateRefused(f"sslcacertfile {remote.sslcacertfile} cannot be used: {_why(error)}") from error


def _load_client_certificate(context: ssl.SSLContext, remote: ServerConfig) -> None:
    if remote.sslclientcert is None:
        return
    try:
        # An empty password, since the default would ask on the terminal in the middle of the event loop.
        context.load_cert_chain(remote.sslclientcert, remote.sslclientkey, password="")
    except (OSError, ssl.SSLError, ValueError) as error:
        raise CertificateRefused(f"sslclientcert {remote.sslclientcert} cannot be used: {_why(error)}") from error


def _why(error: Exception) -> str:
    """The short reason inside an `OSError` or `SSLError`."""
    if isinstance(error, ssl.SSLError):
        return "it holds no certificate" if not error.reason else error.reason.lower().replace("_", " ")
    return getattr(error, "strerror", None) or str(error)
