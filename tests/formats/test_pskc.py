"""PSKC, RFC 6030: its examples, files of the real tools, and what a vendor might forbid."""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING

import pytest

from otpauth import formats
from otpauth.formats import FormatError, Imported, PassphraseError

if TYPE_CHECKING:
    from pathlib import Path

SECRET = b"12345678901234567890"
B64 = base64.b64encode(SECRET).decode()
PASSWORD = "qwerty"
# RFC 6030, figure 7 (section 6.2): the key is derived from the password "qwerty"
FIGURE_7 = """<?xml version="1.0" encoding="UTF-8"?>
<pskc:KeyContainer
  xmlns:pskc="urn:ietf:params:xml:ns:keyprov:pskc"
  xmlns:xenc11="http://www.w3.org/2009/xmlenc11#"
  xmlns:pkcs5="http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#"
  xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Version="1.0">
    <pskc:EncryptionKey>
        <xenc11:DerivedKey>
            <xenc11:KeyDerivationMethod
      Algorithm="http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2">
                <pkcs5:PBKDF2-params>
                    <Salt>
                        <Specified>Ej7/PEpyEpw=</Specified>
                    </Salt>
                    <IterationCount>1000</IterationCount>
                    <KeyLength>16</KeyLength>
                    <PRF/>
                </pkcs5:PBKDF2-params>
            </xenc11:KeyDerivationMethod>
            <xenc:ReferenceList>
                <xenc:DataReference URI="#ED"/>
            </xenc:ReferenceList>
            <xenc11:MasterKeyName>My Password 1</xenc11:MasterKeyName>
        </xenc11:DerivedKey>
    </pskc:EncryptionKey>
    <pskc:MACMethod
        Algorithm="http://www.w3.org/2000/09/xmldsig#hmac-sha1">
        <pskc:MACKey>
            <xenc:EncryptionMethod
                Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>
            <xenc:CipherData>
                <xenc:CipherValue>
2GTTnLwM3I4e5IO5FkufoOEiOhNj91fhKRQBtBJYluUDsPOLTfUvoU2dStyOwYZx
                </xenc:CipherValue>
            </xenc:CipherData>
        </pskc:MACKey>
    </pskc:MACMethod>
    <pskc:KeyPackage>
        <pskc:DeviceInfo>
            <pskc:Manufacturer>TokenVendorAcme</pskc:Manufacturer>
            <pskc:SerialNo>987654321</pskc:SerialNo>
        </pskc:DeviceInfo>
        <pskc:CryptoModuleInfo>
            <pskc:Id>CM_ID_001</pskc:Id>
        </pskc:CryptoModuleInfo>
        <pskc:Key Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp" Id="123456">
            <pskc:Issuer>Example-Issuer</pskc:Issuer>
            <pskc:AlgorithmParameters>
                <pskc:ResponseFormat Length="8" Encoding="DECIMAL"/>
            </pskc:AlgorithmParameters>
            <pskc:Data>
                <pskc:Secret>
                <pskc:EncryptedValue Id="ED">
                    <xenc:EncryptionMethod
                        Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>
                        <xenc:CipherData>
                            <xenc:CipherValue>
      oTvo+S22nsmS2Z/RtcoF8Hfh+jzMe0RkiafpoDpnoZTjPYZu6V+A4aEn032yCr4f
                        </xenc:CipherValue>
                    </xenc:CipherData>
                    </pskc:EncryptedValue>
                    <pskc:ValueMAC>LP6xMvjtypbfT9PdkJhBZ+D6O4w=
                    </pskc:ValueMAC>
                </pskc:Secret>
            </pskc:Data>
        </pskc:Key>
    </pskc:KeyPackage>
</pskc:KeyContainer>
"""


def read(
    data: str | bytes, password: str | None = None, *, user: str = "", only: str = ""
) -> tuple[Imported, ...]:
    """Parse a container."""
    raw = data.encode() if isinstance(data, str) else data
    assert formats.detect(raw, "tokens.xml") == "pskc"
    return formats.parse(raw, name="fob", format="pskc", passphrase=password, user=user, only=only)


def package(
    inside: str = "", *, data: str = "", kind: str = "totp", serial: str = "A1", form: str = ""
) -> str:
    """Return a key package."""
    form = form or '<ResponseFormat Length="6" Encoding="DECIMAL"/>'
    secret = f"<Secret><PlainValue>{B64}</PlainValue></Secret>"
    return (
        f"<KeyPackage><DeviceInfo><SerialNo>{serial}</SerialNo></DeviceInfo>\n"
        f'<Key Id="k" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:{kind}">'
        f"<AlgorithmParameters>{form}</AlgorithmParameters>"
        f"<Data>{secret}{data}</Data>{inside}</Key></KeyPackage>\n"
    )


def container(*packages: str, head: str = "") -> str:
    """Return a container of key packages."""
    namespace = 'xmlns="urn:ietf:params:xml:ns:keyprov:pskc"'
    start = f'<?xml version="1.0"?>{head}\n<KeyContainer Version="1.0" {namespace}>\n'
    return f"{start}{''.join(packages)}</KeyContainer>"


def test_figure_7() -> None:
    """The example of RFC 6030 with a key of PBKDF2 opens with its password."""
    (item,) = read(FIGURE_7, PASSWORD)
    params = {"secret": SECRET.hex(), "algorithm": "SHA1", "digits": 8}
    assert (item.draft.kind, item.draft.params) == ("hotp", params)
    assert item.draft.note == "TokenVendorAcme:987654321"


@pytest.mark.parametrize("password", [None, "", "wrong"])
def test_wrong_password(password: str | None) -> None:
    """Without the password, or with another, it is a PassphraseError."""
    with pytest.raises(PassphraseError):
        read(FIGURE_7, password)


def test_changed() -> None:
    """An encrypted secret that was changed, or has no MAC, is refused."""
    with pytest.raises(PassphraseError, match="was changed"):
        read(FIGURE_7.replace("oTvo+S22", "oTvo+S23"), PASSWORD)
    start, end = FIGURE_7.index("<pskc:ValueMAC>"), FIGURE_7.index("</pskc:Secret>")
    with pytest.raises(FormatError, match="has no MAC"):
        read(FIGURE_7[:start] + FIGURE_7[end:], PASSWORD)


def test_too_much_work() -> None:
    """A file cannot ask for more iterations than are reasonable."""
    with pytest.raises(FormatError, match="iteration count"):
        read(FIGURE_7.replace(">1000<", ">1000001<"), PASSWORD)


def made(tmp_path: Path, *options: str) -> Path:
    """Make a PSKC file with csv2pskc."""
    source, target = tmp_path / "in.csv", tmp_path / "out.xml"
    rows = f"serial,secret,counter\nA1,{SECRET.hex()},5\nA2,{SECRET[::-1].hex()},0\n"
    source.write_text(rows, encoding="ascii")
    kind = "algorithm=urn:ietf:params:xml:ns:keyprov:pskc:hotp"
    form = ("-x", "response_length=6", "-x", "response_encoding=DECIMAL")
    subprocess.run(
        ("csv2pskc", "-e", "hex", "-x", kind, *form, *options, "-o", str(target), str(source)),
        check=True,
        capture_output=True,
    )
    return target


def test_real_plain(tmp_path: Path) -> None:
    """A plain file of csv2pskc says what pskctool says of it."""
    path = made(tmp_path, "-x", "manufacturer=Acme")
    done = subprocess.run(
        ("pskctool", "--info", str(path)), check=True, capture_output=True, text=True
    )
    items = read(path.read_bytes())
    said = [line.strip() for line in done.stdout.splitlines()]
    secrets = [base64.b64encode(bytes.fromhex(item.draft.params["secret"])) for item in items]
    assert [f"Key Secret (base64): {each.decode()}" for each in secrets] == [
        line for line in said if line.startswith("Key Secret")
    ]
    assert [f"Key Counter: {item.draft.seen}" for item in items] == [
        line for line in said if line.startswith("Key Counter")
    ]
    assert [item.draft.note for item in items] == ["Acme:A1", "Acme:A2"]


@pytest.mark.parametrize("how", [("-p", PASSWORD), ("-s", "00112233445566778899aabbccddeeff")])
def test_real_encrypted(tmp_path: Path, how: tuple[str, str]) -> None:
    """Files that csv2pskc encrypts with a password, or a shared key, open with it."""
    path = made(tmp_path, *how)
    assert [item.draft.params["secret"] for item in read(path.read_bytes(), how[1])] == [
        SECRET.hex(),
        SECRET[::-1].hex(),
    ]
    with pytest.raises(PassphraseError):
        read(path.read_bytes(), "ffeeddccbbaa99887766554433221100")


def test_totp() -> None:
    """Interval, length, hash and serial number of a time-based key are read."""
    form = '<Suite>HMAC-SHA256</Suite><ResponseFormat Length="8" Encoding="DECIMAL"/>'
    data = "<TimeInterval><PlainValue>60</PlainValue></TimeInterval>"
    data += (
        "<TimeDrift><PlainValue>4</PlainValue></TimeDrift><Time><PlainValue>0</PlainValue></Time>"
    )
    (item,) = read(container(package(data=data, form=form)))
    assert item.draft.params == {
        "secret": SECRET.hex(),
        "algorithm": "SHA256",
        "digits": 8,
        "period": 60,
    }
    assert (item.draft.note, item.draft.drift, item.line) == ("A1", 0, 3)


@pytest.mark.parametrize(
    ("name", "user"),
    [("UID=alice,DC=example", "alice"), ("CN=x, UID=alice", "alice"), ("alice", "alice"),
     ("CN=Alice Example", "")],
)  # fmt: skip
def test_user(name: str, user: str) -> None:
    """The user of a key is the UID of its UserId, or a plain name; others do not get it."""
    data = container(package(f"<UserId>{name}</UserId>"), package(serial="A2"))
    assert [item.user for item in read(data)] == [user, ""]
    assert formats.users(data.encode(), format="pskc") == ((user,) if user else ())
    assert [item.draft.note for item in read(data, user="bob")] == ["A1", "A2"][bool(user) :]


def test_only() -> None:
    """A key is chosen by its serial number, even beside keys that we have not."""
    data = container(package(kind="ocra", serial="O1"), package(serial="A2"))
    assert [item.draft.note for item in read(data, only="a2")] == ["A2"]
    with pytest.raises(FormatError, match=r"^line 3: the token is of a kind"):
        read(data)


def test_policy() -> None:
    """The expiry date of a key comes along; a start date and a PIN are noted."""
    inside = (
        "<Policy><StartDate>2006-05-01T00:00:00Z</StartDate><ExpiryDate>2031-05-31T00:00:00Z"
        "</ExpiryDate><PINPolicy/><KeyUsage>OTP</KeyUsage></Policy>"
    )
    (item,) = read(container(package(inside)))
    assert item.draft.expires == 1_937_952_000
    assert len(item.notes) == 2


def test_signature_noted() -> None:
    """That a signature is not checked is said."""
    assert read(container(package(), "<Signature/>"))[0].notes == ("the signature is not checked",)


FORMS = [
    '<ResponseFormat Length="6" Encoding="HEXADECIMAL"/>',
    '<ResponseFormat Length="6" Encoding="DECIMAL" CheckDigits="true"/>',
    '<ResponseFormat Length="10" Encoding="DECIMAL"/>',
    '<ResponseFormat Length="x" Encoding="DECIMAL"/>',
    "<Suite>HMAC-MD5</Suite>",
]


@pytest.mark.parametrize(
    "text",
    [
        *(container(package(form=form)) for form in FORMS),
        container(package(data="<Counter><PlainValue>-1</PlainValue></Counter>", kind="hotp")),
        container(package(data="<Counter><EncryptedValue/></Counter>", kind="hotp")),
        container(package(data="<Time><PlainValue>1</PlainValue></Time>")),
        container(package("<Policy><NumberOfTransactions>4</NumberOfTransactions></Policy>")),
        container(package("<Policy><KeyUsage>Encrypt</KeyUsage></Policy>")),
        container(package("<Policy><ExpiryDate>soon</ExpiryDate></Policy>")),
        container(package().replace(B64, "?")),
        container(package().replace(f"<PlainValue>{B64}</PlainValue>", "")),
        container("<KeyPackage/>"),
        container(),
        container(package()).replace("KeyContainer", "Container"),
        container(package())[:-5],
        container(package(), head='<!DOCTYPE x [<!ENTITY a "aaaa">]>'),
        container(package(), head='<!DOCTYPE x SYSTEM "file:///etc/passwd">'),
        "<?xml version='1.0'?>" + "<a>" * 40,
    ],
)
def test_refused(text: str) -> None:
    """What is not understood, limits the key or declares a document type is refused."""
    with pytest.raises(FormatError):
        read(text, PASSWORD)


def test_other_encoding() -> None:
    """A document type is refused in every encoding."""
    text = container(package(), head="<!DOCTYPE x>").replace("1.0", "1.0", 1)
    for name in ("utf-16", "utf-8"):
        with pytest.raises(FormatError, match="document type"):
            formats.parse(text.encode(name), name="fob", format="pskc")


MAKER = """
import sys
from pskc import PSKC
file = PSKC()
key = file.add_key(serial="A1", secret=bytes.fromhex(sys.argv[1]), response_length=6,
    response_encoding="DECIMAL", algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp")
file.encryption.setup_pbkdf2(sys.argv[2], algorithm=sys.argv[3], prf=sys.argv[4],
    key_length=int(sys.argv[3][3:6]) // 8, iterations=1000)
file.mac.setup(algorithm=sys.argv[4])
file.write(sys.stdout.buffer)
"""


@pytest.mark.parametrize("cipher", ["aes128-cbc", "aes192-cbc", "aes256-cbc"])
@pytest.mark.parametrize("mac", ["hmac-sha1", "hmac-sha256", "hmac-sha512"])
def test_real_ciphers(cipher: str, mac: str) -> None:
    """Every cipher, derivation hash and MAC that we read is read as python-pskc makes it."""
    done = subprocess.run(
        ("/usr/bin/python3", "-c", MAKER, SECRET.hex(), PASSWORD, cipher, mac),
        check=True,
        capture_output=True,
    )
    assert cipher.encode() in done.stdout
    assert mac.encode() in done.stdout
    assert read(done.stdout, PASSWORD)[0].draft.params["secret"] == SECRET.hex()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("#hmac-sha1", "#hmac-md5", "MAC is of a kind"),
        ("#pbkdf2", "#scrypt", "derived in a way"),
        ("<PRF/>", '<PRF Algorithm="x#hmac-md5"/>', "derived with a hash"),
        ("<IterationCount>1000</IterationCount>", "", "derived in a way"),
        (">16</KeyLength>", ">17</KeyLength>", "wrong length"),
        (">16</KeyLength>", ">99</KeyLength>", "key length"),
        ("#aes128-cbc", "#tripledes-cbc", "not AES-CBC"),
        ("EncryptedValue", "Riddle", "neither plain nor encrypted"),
        ("xenc:CipherValue", "xenc:Other", "is empty"),
        ("Ej7/PEpyEpw=", "?", "not base64"),
        ("xenc11:DerivedKey", "xenc11:Other", "shared key"),
    ],
)
def test_other_ciphers(old: str, new: str, reason: str) -> None:
    """Ciphers, derivations and MACs that we have not are refused by name."""
    assert old in FIGURE_7
    with pytest.raises(FormatError, match=reason):
        read(FIGURE_7.replace(old, new), PASSWORD)
