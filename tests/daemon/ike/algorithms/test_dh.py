"""Diffie-Hellman: groups as their RFCs define them, and the values that no peer may send."""

from __future__ import annotations

import random
import sys
import warnings
from functools import partial

import pytest

from daemon.ike.algorithms import dh
from daemon.ike.algorithms.dh import GROUPS, generate, modp_prime
from daemon.ike.errors import InvalidKeyInformation, LocalError
from daemon.ike.registries import Group
from tests.daemon.ike.curves import CURVES

MODP = {
    Group.MODP_768: 768,
    Group.MODP_1024: 1024,
    Group.MODP_1536: 1536,
    Group.MODP_2048: 2048,
    Group.MODP_3072: 3072,
    Group.MODP_4096: 4096,
    Group.MODP_6144: 6144,
    Group.MODP_8192: 8192,
}
ECP = {
    Group.ECP_192: 192,
    Group.ECP_224: 224,
    Group.ECP_256: 256,
    Group.ECP_384: 384,
    Group.ECP_521: 521,
    Group.BP_256: 256,
    Group.BP_384: 384,
    Group.BP_512: 512,
}
modp = pytest.mark.parametrize("group", MODP, ids=str)
small = pytest.mark.parametrize("group", [Group.MODP_1024, Group.MODP_1536, Group.MODP_2048], ids=str)
ecp = pytest.mark.parametrize("group", ECP, ids=str)
every = pytest.mark.parametrize("group", sorted(GROUPS), ids=str)

# RFC 3526 section 3.
PRIME_2048 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
# RFC 2409 section 6.1.
PRIME_768 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63A3620FFFFFFFFFFFFFFFF",
    16,
)
# RFC 2409 section 6.2.
PRIME_1024 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
    16,
)


def seeded(seed: int) -> dh.Random:
    return random.Random(seed).randbytes


# The end of each prime, from its last octets before the 64 ones, as RFC 2409 and RFC 3526 print it.
LAST = {
    Group.MODP_768: "F44C42E9A63A3620",
    Group.MODP_1024: "49286651ECE65381",
    Group.MODP_1536: "F1746C08CA237327",
    Group.MODP_2048: "15728E5A8AACAA68",
    Group.MODP_3072: "4B82D120A93AD2CA",
    Group.MODP_4096: "4DF435C934063199",
    Group.MODP_6144: "E694F91E6DCC4024",
    Group.MODP_8192: "60C980DD98EDD3DF",
}


def test_every_group_of_this_file_is_a_group_of_ours_and_no_other() -> None:
    assert set(GROUPS) == {*MODP, *ECP}


@modp
def test_a_prime_ends_as_its_rfc_prints_it(group: Group) -> None:
    assert f"{modp_prime(group):X}".endswith(LAST[group] + "F" * 16)


def test_the_primes_are_those_of_the_rfcs() -> None:
    assert modp_prime(Group.MODP_768) == PRIME_768
    assert modp_prime(Group.MODP_1024) == PRIME_1024
    assert modp_prime(Group.MODP_2048) == PRIME_2048


@modp
def test_a_prime_is_prime_and_two_generates_the_large_subgroup(group: Group) -> None:
    prime = modp_prime(group)
    assert prime.bit_length() == MODP[group]
    assert prime >> (MODP[group] - 64) == prime & ((1 << 64) - 1) == (1 << 64) - 1
    assert pow(2, prime >> 1, prime) == 1  # a Fermat test that also says that 2 is a square


@every
def test_both_sides_find_the_same_secret(group: Group) -> None:
    initiator, responder = generate(group, seeded(1)), generate(group, seeded(2))
    secret = initiator.shared(responder.public)
    assert secret == responder.shared(initiator.public)
    public, shared = (
        (MODP[group] // 8, MODP[group] // 8) if group in MODP else (2 * ((ECP[group] + 7) // 8), (ECP[group] + 7) // 8)
    )
    assert (len(initiator.public), len(secret)) == (public, shared)


@every
def test_a_key_pair_follows_from_the_randomness_alone(group: Group) -> None:
    assert generate(group, seeded(7)).public == generate(group, seeded(7)).public
    assert generate(group, seeded(7)).public != generate(group, seeded(8)).public


@every
@pytest.mark.parametrize("octet", [b"\0", b"\xff"])
def test_extreme_randomness_still_gives_a_usable_pair(group: Group, octet: bytes) -> None:
    ours, theirs = generate(group, lambda n: octet * n), generate(group, seeded(1))
    assert ours.shared(theirs.public) == theirs.shared(ours.public)


@every
def test_a_private_exponent_takes_at_least_256_bits_of_randomness(group: Group) -> None:
    asked: list[int] = []

    def spy(count: int) -> bytes:
        asked.append(count)
        return seeded(3)(count)

    generate(group, spy)
    estimates = {Group.MODP_3072: 260, Group.MODP_4096: 300, Group.MODP_6144: 340, Group.MODP_8192: 380}
    assert 8 * sum(asked) >= max(256, estimates.get(group, 0))  # RFC 3526 section 8


@modp
def test_public_value_and_secret_are_powers(group: Group) -> None:
    prime = modp_prime(group)
    pair = generate(group, (1).to_bytes)
    exponent = 1 | 1 << (8 * {3072: 40, 4096: 48, 6144: 56, 8192: 64}.get(MODP[group], 32) - 1)
    assert int.from_bytes(pair.public) == pow(2, exponent, prime)
    for base in (2, 3, prime - 2, prime >> 1):
        assert int.from_bytes(pair.shared(base.to_bytes(MODP[group] // 8))) == pow(base, exponent, prime)


@small
def test_pow_gives_the_same_as_the_library(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    before = generate(group, seeded(1)).shared(generate(group, seeded(2)).public)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.dh", None)
    monkeypatch.setattr(dh, "_power", dh._power.__wrapped__)
    assert isinstance(dh._power(group), partial)  # pow(), for want of the module
    assert generate(group, seeded(1)).shared(generate(group, seeded(2)).public) == before


def test_the_deprecation_is_not_shown_to_users() -> None:
    dh._power.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generate(Group.MODP_1536, seeded(1))


@modp
@pytest.mark.parametrize("value", ["0", "1", "p-1", "p", "p+1", "2^n-1"])
def test_public_values_outside_the_group_are_refused(group: Group, value: str) -> None:
    prime = modp_prime(group)
    number = {"0": 0, "1": 1, "p-1": prime - 1, "p": prime, "p+1": prime + 1, "2^n-1": (1 << MODP[group]) - 1}[value]
    with pytest.raises(InvalidKeyInformation):
        generate(group, seeded(1)).shared(number.to_bytes(MODP[group] // 8))


@every
def test_public_values_of_another_length_are_refused(group: Group) -> None:
    pair, peer = generate(group, seeded(1)), generate(group, seeded(2)).public
    for wrong in (b"", b"\0", peer[1:], peer[:-1], b"\0" + peer, peer + b"\0", peer + peer):
        with pytest.raises(InvalidKeyInformation):
            pair.shared(wrong)


@ecp
def test_points_off_the_curve_are_refused(group: Group) -> None:
    pair, peer = generate(group, seeded(1)), generate(group, seeded(2)).public
    half = len(peer) // 2
    flipped = peer[:-1] + bytes([peer[-1] ^ 1])
    for wrong in (bytes(len(peer)), b"\xff" * len(peer), flipped, peer[half:] + peer[:half]):
        with pytest.raises(InvalidKeyInformation):
            pair.shared(wrong)


# Group -> both private keys, both public values as x and y, the secret.
VECTORS = {
    Group.ECP_192: (  # RFC 5114 appendix A.4
        "323FA3169D8E9C6593F59476BC142000AB5BE0E249C43426",
        "631F95BB4A67632C9C476EEE9AB695AB240A0499307FCF62",
        "CD46489ECFD6C105E7B3D32566E2B122E249ABAADD870612",
        "68887B4877DF51DD4DC3D6FD11F0A26F8FD3844317916E9A",
        "519A121680E0045466BA21DF2EEE47F5973B500577EF13D5",
        "FF613AB4D64CEE3A20875BDB10F953F6B30CA072C60AA57F",
        "AD420182633F8526BFE954ACDA376F05E5FF4F837F54FEBE",
    ),
    Group.ECP_224: (  # RFC 5114 appendix A.5
        "B558EB6C288DA707BBB4F8FBAE2AB9E9CB62E3BC5C7573E22E26D37F",
        "AC3B1ADD3D9770E6F6A708EE9F3B8E0AB3B480E9F27F85C88B5E6D18",
        "49DFEF309F81488C304CFF5AB3EE5A2154367DC7833150E0A51F3EEB",
        "4F2B5EE45762C4F654C1A0C67F54CF88B016B51BCE3D7C228D57ADB4",
        "6B3AC96A8D0CDE6A5599BE8032EDF10C162D0A8AD219506DCD42A207",
        "D491BE99C213A7D1CA3706DEBFE305F361AFCBB33E2609C8B1618AD5",
        "52272F50F46F4EDC9151569092F46DF2D96ECC3B6DC1714A4EA949FA",
    ),
    Group.ECP_256: (  # RFC 5903 section 8.1
        "C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433",
        "C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53",
        "DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180",
        "5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3",
        "D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63",
        "56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB",
        "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE",
    ),
    Group.ECP_384: (  # RFC 5903 section 8.2
        "099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655E35B538041E649EE3FAEF896783AB194",
        "41CB0779B4BDB85D47846725FBEC3C9430FAB46CC8DC5060855CC9BDA0AA2942E0308312916B8ED2960E4BD55A7448FC",
        "667842D7D180AC2CDE6F74F37551F55755C7645C20EF73E31634FE72B4C55EE6DE3AC808ACB4BDB4C88732AEE95F41AA",
        "9482ED1FC0EEB9CAFC4984625CCFC23F65032149E0E144ADA024181535A0F38EEB9FCFF3C2C947DAE69B4C634573A81C",
        "E558DBEF53EECDE3D3FCCFC1AEA08A89A987475D12FD950D83CFA41732BC509D0D1AC43A0336DEF96FDA41D0774A3571",
        "DCFBEC7AACF3196472169E838430367F66EEBE3C6E70C416DD5F0C68759DD1FFF83FA40142209DFF5EAAD96DB9E6386C",
        "11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4D603135569B9E9D09CF5D4A270F59746",
    ),
    Group.ECP_521: (  # RFC 5903 section 8.3
        (
            "0037ADE9319A89F4DABDB3EF411AACCCA5123C61ACAB57B5393DCE47608172A095AA85A30FE1C2952C6771D937BA9777"
            "F5957B2639BAB072462F68C27A57382D4A52"
        ),
        (
            "0145BA99A847AF43793FDD0E872E7CDFA16BE30FDC780F97BCCC3F078380201E9C677D600B343757A3BDBF2A3163E4C2"
            "F869CCA7458AA4A4EFFC311F5CB151685EB9"
        ),
        (
            "0015417E84DBF28C0AD3C278713349DC7DF153C897A1891BD98BAB4357C9ECBEE1E3BF42E00B8E380AEAE57C2D107564"
            "941885942AF5A7F4601723C4195D176CED3E"
        ),
        (
            "017CAE20B6641D2EEB695786D8C946146239D099E18E1D5A514C739D7CB4A10AD8A788015AC405D7799DC75E7B7D5B6C"
            "F2261A6A7F1507438BF01BEB6CA3926F9582"
        ),
        (
            "00D0B3975AC4B799F5BEA16D5E13E9AF971D5E9B984C9F39728B5E5739735A219B97C356436ADC6E95BB0352F6BE64A6"
            "C2912D4EF2D0433CED2B6171640012D9460F"
        ),
        (
            "015C68226383956E3BD066E797B623C27CE0EAC2F551A10C2C724D9852077B87220B6536C5C408A1D2AEBB8E86D678AE"
            "49CB57091F4732296579AB44FCD17F0FC56A"
        ),
        (
            "01144C7D79AE6956BC8EDB8E7C787C4521CB086FA64407F97894E5E6B2D79B04D1427E73CA4BAA240A34786859810C06"
            "B3C715A3A8CC3151F2BEE417996D19F3DDEA"
        ),
    ),
    Group.BP_256: (  # RFC 7027 appendix A.1
        "81DB1EE100150FF2EA338D708271BE38300CB54241D79950F77B063039804F1D",
        "55E40BC41E37E3E2AD25C3C6654511FFA8474A91A0032087593852D3E7D76BD3",
        "44106E913F92BC02A1705D9953A8414DB95E1AAA49E81D9E85F929A8E3100BE5",
        "8AB4846F11CACCB73CE49CBDD120F5A900A69FD32C272223F789EF10EB089BDC",
        "8D2D688C6CF93E1160AD04CC4429117DC2C41825E1E9FCA0ADDD34E6F1B39F7B",
        "990C57520812BE512641E47034832106BC7D3E8DD0E4C7F1136D7006547CEC6A",
        "89AFC39D41D3B327814B80940B042590F96556EC91E6AE7939BCE31F3A18BF2B",
    ),
    Group.BP_384: (  # RFC 7027 appendix A.2
        "1E20F5E048A5886F1F157C74E91BDE2B98C8B52D58E5003D57053FC4B0BD65D6F15EB5D1EE1610DF870795143627D042",
        "032640BC6003C59260F7250C3DB58CE647F98E1260ACCE4ACDA3DD869F74E01F8BA5E0324309DB6A9831497ABAC96670",
        "68B665DD91C195800650CDD363C625F4E742E8134667B767B1B476793588F885AB698C852D4A6E77A252D6380FCAF068",
        "55BC91A39C9EC01DEE36017B7D673A931236D2F1F5C83942D049E3FA20607493E0D038FF2FD30C2AB67D15C85F7FAA59",
        "4D44326F269A597A5B58BBA565DA5556ED7FD9A8A9EB76C25F46DB69D19DC8CE6AD18E404B15738B2086DF37E71D1EB4",
        "62D692136DE56CBE93BF5FA3188EF58BC8A3A0EC6C1E151A21038A42E9185329B5B275903D192F8D4E1F32FE9CC78C48",
        "0BD9D3A7EA0B3D519D09D8E48D0785FB744A6B355E6304BC51C229FBBCE239BBADF6403715C35D4FB2A5444F575D4F42",
    ),
    Group.BP_512: (  # RFC 7027 appendix A.3
        (
            "16302FF0DBBB5A8D733DAB7141C1B45ACBC8715939677F6A56850A38BD87BD59B09E80279609FF333EB9D4C061231FB2"
            "6F92EEB04982A5F1D1764CAD57665422"
        ),
        (
            "230E18E1BCC88A362FA54E4EA3902009292F7F8033624FD471B5D8ACE49D12CFABBC19963DAB8E2F1EBA00BFFB29E4D7"
            "2D13F2224562F405CB80503666B25429"
        ),
        (
            "0A420517E406AAC0ACDCE90FCD71487718D3B953EFD7FBEC5F7F27E28C6149999397E91E029E06457DB2D3E640668B39"
            "2C2A7E737A7F0BF04436D11640FD09FD"
        ),
        (
            "72E6882E8DB28AAD36237CD25D580DB23783961C8DC52DFA2EC138AD472A0FCEF3887CF62B623B2A87DE5C588301EA3E"
            "5FC269B373B60724F5E82A6AD147FDE7"
        ),
        (
            "9D45F66DE5D67E2E6DB6E93A59CE0BB48106097FF78A081DE781CDB31FCE8CCBAAEA8DD4320C4119F1E9CD437A2EAB37"
            "31FA9668AB268D871DEDA55A5473199F"
        ),
        (
            "2FDC313095BCDD5FB3A91636F07A959C8E86B5636A1E930E8396049CB481961D365CC11453A06C719835475B12CB52FC"
            "3C383BCE35E27EF194512B71876285FA"
        ),
        (
            "A7927098655F1F9976FA50A9D566865DC530331846381C87256BAF3226244B76D36403C024D7BBF0AA0803EAFF405D3D"
            "24F11A9B5C0BEF679FE1454B21C4CD1F"
        ),
    ),
}


@ecp
def test_ecp_groups_agree_with_the_vectors_of_their_rfcs(group: Group) -> None:
    private, other, x, y, other_x, other_y, secret = VECTORS[group]
    # The scalar is (octets mod n-1) + 1, so the randomness that yields it is one less.
    initiator = generate(group, (int(private, 16) - 1).to_bytes)
    responder = generate(group, (int(other, 16) - 1).to_bytes)
    assert initiator.public.hex().upper() == x + y
    assert responder.public.hex().upper() == other_x + other_y
    assert initiator.shared(responder.public).hex().upper() == secret
    assert responder.shared(initiator.public).hex().upper() == secret


@ecp
def test_ecp_groups_agree_with_textbook_arithmetic(group: Group) -> None:
    curve, dice = CURVES[group], random.Random(int(group))
    for scalar in (1, 2, curve.order - 1, *(dice.randrange(1, curve.order) for _ in range(3))):
        point = curve.times(scalar, curve.base)
        assert point is not None
        pair = generate(group, (scalar - 1).to_bytes)
        assert pair.public == point[0].to_bytes(curve.octets) + point[1].to_bytes(curve.octets)


def test_a_pair_does_not_show_its_private_half() -> None:
    pair = generate(Group.MODP_1536, lambda n: b"\x5a" * n)
    assert str(int.from_bytes(b"\xda" + b"\x5a" * 31)) not in repr(pair)


@pytest.mark.parametrize(
    "group", [Group.EC2N_155, Group.EC2N_185, Group.BP_224, Group(22), Group(23), Group(24), Group(9999)]
)
def test_a_group_that_we_lack_is_our_own_error(group: Group) -> None:
    with pytest.raises(LocalError):
        generate(group, seeded(1))
