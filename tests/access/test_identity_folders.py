"""The certificate of a process: read from its folder, again when it changes, and checked."""

import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from quintet_access import certificates
from quintet_access.identity import (
    AUTHORITY,
    CERTIFICATE,
    KEY,
    IdentityFolder,
    IdentityInvalid,
    days_left,
    is_signed_by,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two authorities, each with the certificates of two processes."""
    folder = tmp_path_factory.mktemp("certificates")
    for name, days in (("one", 90), ("two", 30)):
        certificates.create(folder / name, ["search", "ranker"], ["localhost"], days)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made / "one", tmp_path / "tls")


def read(folder, name):
    return (folder / name).read_bytes()


def test_the_folder_of_the_process_comes_before_the_one_around_it(folder):
    own = folder / "search"
    identity = IdentityFolder(folder, "search").current()
    assert identity.chain == read(own, CERTIFICATE)
    assert identity.key == read(own, KEY)
    assert identity.authorities == read(own, AUTHORITY)
    assert IdentityFolder(own).current() == identity
    assert IdentityFolder(own, "gateway").folder == own
    assert IdentityFolder(folder).folder == folder


def test_an_identity_is_read_again_once_a_file_changes(folder, made):
    own = folder / "search"
    identities = IdentityFolder(own)
    first = identities.current()
    assert identities.current() is first
    other = made / "two" / "search"
    shutil.copy(other / KEY, own / KEY)
    # The new key does not fit the old certificate, so that the old pair stays in use.
    assert identities.current() is first
    shutil.copy(other / CERTIFICATE, own / CERTIFICATE)
    shutil.copy(other / AUTHORITY, own / AUTHORITY)
    second = identities.current()
    assert second.chain == read(other, CERTIFICATE)
    assert second.expires < first.expires
    (own / CERTIFICATE).unlink()
    assert identities.current() is second


def test_a_file_replaced_with_the_same_time_and_size_is_seen(folder):
    own = folder / "search"
    identities = IdentityFolder(own)
    first = identities.current()
    facts = (own / KEY).stat()
    copy = own / "copy"
    shutil.copy(own / KEY, copy)
    copy.replace(own / KEY)
    os.utime(own / KEY, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert identities.current() is not first


@pytest.mark.usefixtures("without_rights_of_root")
def test_a_file_that_may_not_be_read_is_named(folder):
    (folder / "search" / KEY).chmod(0o000)
    with pytest.raises(IdentityInvalid, match=r"tls\.key cannot be read: Permission denied"):
        IdentityFolder(folder / "search").current()


@pytest.mark.parametrize("name", [CERTIFICATE, KEY, AUTHORITY])
def test_a_file_that_is_missing_or_damaged_is_named(folder, name):
    own = folder / "search"
    (own / name).write_bytes(b"damaged")
    with pytest.raises(IdentityInvalid, match=f"{name} holds no "):
        IdentityFolder(own).current()
    (own / name).unlink()
    with pytest.raises(IdentityInvalid, match=f"{name} cannot be read: No such file"):
        IdentityFolder(own).current()


def test_a_key_of_another_certificate_is_rejected(folder):
    shutil.copy(folder / "ranker" / KEY, folder / "search" / KEY)
    with pytest.raises(IdentityInvalid, match=r"tls\.key is not the key of tls\.crt"):
        IdentityFolder(folder / "search").current()


def test_an_authority_is_needed_only_where_it_is_used(folder):
    (folder / "search" / AUTHORITY).write_bytes(b"damaged")
    identity = IdentityFolder(folder / "search", with_authority=False).current()
    assert identity.authorities == b""
    assert identity.chain == read(folder / "search", CERTIFICATE)


def test_days_are_counted_until_the_end_of_a_certificate(folder):
    identity = IdentityFolder(folder / "search").current()
    left = identity.expires - datetime.now(UTC)
    assert days_left(identity) == pytest.approx(left / timedelta(days=1), abs=1e-3)
    assert 80 < days_left(identity) < 100


def test_a_certificate_is_signed_by_its_authority_alone(made):
    one, two = made / "one" / "search", made / "two" / "search"
    chain, authority = read(one, CERTIFICATE), read(one, AUTHORITY)
    assert is_signed_by(chain, authority)
    assert is_signed_by(chain, read(two, AUTHORITY)) is False
    assert is_signed_by(chain, read(two, AUTHORITY) + authority)
    assert is_signed_by(b"damaged", authority) is False
    assert not is_signed_by(chain, b"damaged")


def issue(name, issuer=None, authority=True):
    """A certificate and its key, signed by an issuer, or by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    above, signer = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(above)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=2))
    builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
    return builder.sign(signer, hashes.SHA256()), key


def pem(*issued):
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate, _ in issued)


def test_a_chain_may_pass_through_intermediates_in_any_order():
    root = issue("root")
    upper = issue("upper", root)
    lower = issue("lower", upper)
    leaf = issue("leaf", lower, authority=False)
    assert is_signed_by(pem(leaf, lower, upper), pem(root))
    assert is_signed_by(pem(leaf, upper, lower), pem(root))
    assert not is_signed_by(pem(leaf, lower), pem(root))
    assert not is_signed_by(pem(leaf), pem(root))
    assert not is_signed_by(pem(leaf, lower, upper), pem(issue("root")))


def test_a_circle_of_intermediates_ends():
    first = issue("same")
    leaf = issue("leaf", first, authority=False)
    assert not is_signed_by(pem(leaf, first, first), pem(issue("other")))
