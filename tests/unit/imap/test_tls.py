import asyncio
import hashlib
import ssl
import warnings

import pytest
import trustme

from postboat.config.schema import ServerConfig
from postboat.errors import CertificateRefused
from postboat.imap import tls


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def cafile(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def remote(**options):
    return ServerConfig(name="R", **options)


def der_of(certificate):
    return ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())


async def handshake(certificate, context, *, name="localhost", maximum=None, clients=None):
    """Shake hands with a server that shows `certificate`; returns what the client sees of it (DER)."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(server_context)
    if maximum is not None:
        server_context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):
            server_context.minimum_version = server_context.maximum_version = maximum
    if clients is not None:
        server_context.verify_mode = ssl.CERT_REQUIRED
        clients.configure_trust(server_context)

    async def serve(reader, writer):
        writer.write(b"hello")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
        try:
            assert await reader.readexactly(5) == b"hello"
            return writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        finally:
            writer.close()


async def test_a_certificate_of_the_given_authority_is_trusted(authority, cafile):
    certificate = authority.issue_cert("localhost")
    assert await handshake(certificate, tls.context_for(remote(sslcacertfile=cafile))) == der_of(certificate)


async def test_the_system_does_not_trust_an_unknown_authority(authority):
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(authority.issue_cert("localhost"), tls.context_for(remote()))


async def test_a_certificate_for_another_name_is_refused(authority, cafile):
    with pytest.raises(ssl.SSLCertVerificationError) as refusal:
        await handshake(authority.issue_cert("other.example"), tls.context_for(remote(sslcacertfile=cafile)))
    assert "localhost" in str(tls.refused(refusal.value, None))


async def test_an_address_is_found_among_the_certificates_names(authority, cafile):
    context = tls.context_for(remote(sslcacertfile=cafile))
    assert await handshake(authority.issue_cert("127.0.0.1"), context, name="127.0.0.1")


async def test_tls_older_than_1_2_is_refused(authority, cafile):
    context = tls.context_for(remote(sslcacertfile=cafile))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        await handshake(authority.issue_cert("localhost"), context, maximum=ssl.TLSVersion.TLSv1_1)


async def test_a_client_certificate_is_shown(authority, cafile, tmp_path):
    mine = authority.issue_cert("me@example.org")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    mine.cert_chain_pems[0].write_to_path(cert)
    mine.private_key_pem.write_to_path(key)
    context = tls.context_for(remote(sslcacertfile=cafile, sslclientcert=cert, sslclientkey=key))
    assert await handshake(authority.issue_cert("localhost"), context, clients=authority)


async def test_a_fingerprint_alone_trusts_whoever_signed_and_whatever_the_name():
    certificate = trustme.CA().issue_cert("other.example")
    pinned = remote(cert_fingerprint=(hashlib.sha256(der_of(certificate)).hexdigest(),))
    tls.check_pin(pinned, await handshake(certificate, tls.context_for(pinned)))


@pytest.mark.parametrize("algorithm", ["sha1", "sha224", "sha256", "sha384", "sha512"])
def test_a_fingerprint_is_known_by_its_length(algorithm):
    digest = hashlib.new(algorithm, b"certificate").hexdigest()
    tls.check_pin(remote(cert_fingerprint=("0" * 64, digest)), b"certificate")


def test_a_fingerprint_may_be_written_with_colons_and_capitals():
    digest = hashlib.sha256(b"certificate").hexdigest().upper()
    tls.check_pin(remote(cert_fingerprint=(":".join(digest[i : i + 2] for i in range(0, 64, 2)),)), b"certificate")


def test_a_wrong_fingerprint_is_refused_and_the_right_one_told():
    with pytest.raises(CertificateRefused) as refusal:
        tls.check_pin(remote(cert_fingerprint=("ab" * 32,)), b"certificate")
    assert hashlib.sha256(b"certificate").hexdigest() in str(refusal.value)


def test_no_certificate_fits_no_fingerprint():
    with pytest.raises(CertificateRefused):
        tls.check_pin(remote(cert_fingerprint=("ab" * 32,)), None)


def test_without_fingerprints_there_is_nothing_to_compare():
    tls.check_pin(remote(), b"certificate")


async def test_an_authority_and_a_fingerprint_must_both_hold(authority, cafile):
    stranger = trustme.CA().issue_cert("localhost")
    both = remote(sslcacertfile=cafile, cert_fingerprint=(hashlib.sha256(der_of(stranger)).hexdigest(),))
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(stranger, tls.context_for(both))
    shown = await handshake(authority.issue_cert("localhost"), tls.context_for(both))
    with pytest.raises(CertificateRefused):
        tls.check_pin(both, shown)


def test_a_refusal_tells_the_fingerprint_to_pin():
    error = ssl.SSLCertVerificationError("self-signed certificate")
    error.verify_message = "self-signed certificate"
    assert "self-signed" in str(tls.refused(error, None))
    assert hashlib.sha256(b"certificate").hexdigest() in str(tls.refused(error, b"certificate"))


async def test_looking_at_a_certificate_trusts_nobody_in_particular():
    certificate = trustme.CA().issue_cert("other.example")
    assert await handshake(certificate, tls.context_to_look(remote())) == der_of(certificate)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_authority_file_is_named(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CertificateRefused, match=r"ca\.pem"):
        tls.context_for(remote(sslcacertfile=path))


def test_a_client_key_behind_a_password_is_refused_instead_of_asking_on_the_terminal(tmp_path):
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    path = tmp_path / "mine.pem"
    path.write_bytes(trustme.CA().issue_cert("me").cert_chain_pems[0].bytes() + key)
    with pytest.raises(CertificateRefused, match=r"mine\.pem"):
        tls.context_for(remote(sslclientcert=path))
