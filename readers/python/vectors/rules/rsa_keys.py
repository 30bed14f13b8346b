"""Fixed RSA keys, by their primes: test keys that are published here and protect nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import lcm

from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_EXPONENT = 65_537


@dataclass(frozen=True)
class RsaPair:
    """A key pair of two primes."""

    p: int
    q: int

    @property
    def modulus(self) -> int:
        """Return n."""
        return self.p * self.q

    @property
    def size(self) -> int:
        """Return the length of the modulus in bytes, which is that of a ciphertext."""
        return (self.modulus.bit_length() + 7) // 8

    def power(self, encoded: bytes) -> bytes:
        """Return RSAEP (RFC 8017, section 5.1.1) of an encoded message that is less than the modulus."""
        return pow(int.from_bytes(encoded, "big"), _EXPONENT, self.modulus).to_bytes(self.size, "big")

    def private_key(self) -> RSAPrivateKey:
        """Return the private key."""
        return _private_key(self)

    def private_pem(self) -> str:
        """Return the private key as PKCS #8 in PEM."""
        return self.private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")

    def public_pem(self) -> str:
        """Return the public key as SubjectPublicKeyInfo in PEM."""
        public = RSAPublicNumbers(_EXPONENT, self.modulus).public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


@cache
def _private_key(pair: RsaPair) -> RSAPrivateKey:
    d = pow(_EXPONENT, -1, lcm(pair.p - 1, pair.q - 1))
    return RSAPrivateNumbers(
        p=pair.p,
        q=pair.q,
        d=d,
        dmp1=rsa_crt_dmp1(d, pair.p),
        dmq1=rsa_crt_dmq1(d, pair.q),
        iqmp=rsa_crt_iqmp(pair.p, pair.q),
        public_numbers=RSAPublicNumbers(_EXPONENT, pair.modulus),
    ).private_key()


def _number(*lines: str) -> int:
    return int("".join(lines), 16)


RSA_2048 = RsaPair(
    _number(
        "df648bcaa9cd6d4fab2802d48bb115da23ab8dbe758b5f2a613e405ab41cafb9b533a3fe4d1166b99f5d0deacd29c64d5a43dac7",
        "cc61137005c6abd60b59505eaa811bc747539eba8db9f66d8a09043941960cd55f1a94ceb31eb50b44c4c6abed39f53bfbe1546c",
        "685513194b72a3d4edf06ac7a5001e960b945506e22c3179",
    ),
    _number(
        "c1bfd9caf2156f308566037df43f8a25f0ec238f5e54b1df7f36f767625d3973e7bf6edf4016c778b6785a40ab0b94f5dec52fbb",
        "f7f45e206e2e93e46674f64c37565ea214262b57fd8cfc1e245745f04040dd482dc0d5e9bbcdfa886fcd013068abcf027ab1b1d7",
        "2358550ab992de51ac8a35f47df20731ec3df8aca8e5f36f",
    ),
)

RSA_2048_OTHER = RsaPair(
    _number(
        "e5fc092985944f0f2a7c8f4ee067eefc19774eb425a9e4208cc7d6cc61feac279d8552297035bf94837d85308c066c98c747e844",
        "4e41cbc894170513ab46256af0bb9e631d66c13c61c5a221f7ccfb9c1259ae041cc7c953c6a818fee821f47dfc72daf7f3dac5d8",
        "f5e119100a621a0bc67b51e23760c9aa4578a5bbdf7226f1",
    ),
    _number(
        "ca6930568f976f65f6d6e2b6217d9483f4207e001b0a8f5264c31b5ce857aa6b7cbac90cc193de3bf90a6dc8a14197d667deb3f3",
        "cae8f9798c90daff216e8f586fd06d1e80a542c176ee21fa8e2ddf76a2f569fa3db3e83353073b3abbe8a54a65713388f19a279f",
        "958e0ad5f229766e8c81a642d62afe9257b5ba2502c92223",
    ),
)

RSA_2050 = RsaPair(
    _number(
        "1a0883df825916397876083ae53e3ef2b2b1ed99e69b4989f5928983753a827587530d828e961eed3cdc75c755d3dd1826352e2e",
        "5324c3b1bf240a376997d69324f9149a8ed549290da0432a482d24a37f50e521c3ed1244363a78635bdced81f6e7ab07ed757b1d",
        "c27b95c870a2c70be625551016d6495af39bd3c82cacbcae5",
    ),
    _number(
        "16ca23df30e034615de9d9534808051675135c4ab854165b9a4d75e1691d78437f91c4d5745975d328050f9920109e01cbfd093a",
        "a96bddcc9e7d24d021b2e8d764d6862b57a9c6d94492b69c036f52f8c7743ff9353f8fa9de23545b5d54de0fcb31d7367454fb39",
        "b7e397873da4a0e960bdd2cd52df45ae0f3f77f93e65befef",
    ),
)
"""Its modulus does not fill its first byte."""

RSA_3072 = RsaPair(
    _number(
        "df44434576672a5b9f6a61fd9c02fb480f8b002e366c768cc949af98478d84cff44b4df6f93405e96a71c162fe42849448ffada5",
        "da6bf4ce9acdf2f8581ab1388399f970fa5c2f6e97bb216e7992c23a7723738554a78d0059929354a7121e7e81e522328309a89a",
        "f43d3af443aab75453f2599ae75224aaf6fde071e8c1bf7726e8cae16e65a3df21145f7730f031821ff50a6521d14275487ec3fc",
        "eb306d2c12094109c40b5e4fffdb5071d072f9db510c99aa71d8f9d4a7ddabc47fa2e3f3",
    ),
    _number(
        "dcb4289d2e5eeaa2eba5c971e6db794165e3bc3308f1ac33a9dc70ca9750c3c9d2f22fb6a11468a02516d831d41e369ace9178af",
        "a97924a12d77ad39681de7fdf367f993f93be60da5ddecb8379611afda5a48176bcd270e65874760a4c6961e3bc39e1778977763",
        "99dc4b78eb7b8faac53fb598797120ccdea115149e88fcad2d6814eb390e13d059691fe1ec2cbe521913a2644441c4b723f20cc4",
        "3e529e3fbc0c4ac604cd756057f151f4fc226ac89e66fd315c4e41f41ac9e8bc40cc068d",
    ),
)

RSA_4096 = RsaPair(
    _number(
        "d6b9b2b14726ac8a71c12a70bb3e7b0ac2da7b126ef90ec5b3ad287ffafe77b2ff618bb2c23755af8ff33bff6b61d28672bd916e",
        "0588e9f3ec9c421bdd8f065c237e964c62c7e6844447ab9e159a21908470106b266a18e529640c254227d6a77292c93598d7b367",
        "d99cb10e23a2494fda5dc424e9d8bae52a2a6b9b814c1eb3c67af65eb6b8365edf1abfd907c103aefa382020e105bf2635e710b0",
        "615077daad8c1c3c9b248f172a3afbefbc42eb1d8ff6b47e826f6138bb91534fc0946aeab1c1a38f321f4a236f8557c21ad8d0c7",
        "77f7b41ab862b335006ab1056c121d862b955a807b4382ab156dbbeaa65a698b791a07227c47fa2a6fb1212edfafcd1f",
    ),
    _number(
        "b6f24dad6e36f6aa571ed787b927d3139594addc1966640f2fb08c40c0b03a77fd44d3420ff67286d9de446107bf6bdd18ce0380",
        "491aeb47e6cacc072a7b58e6a566f970ecc49f55f5faf4e6514a5e3da51317fdeda70bd10c5a31ebe5a9f0032bf17c984c0ee3a4",
        "5c9fc5e8cec99009fb298befb428a5b03ba49a0b9e83ac3c1501989c41259c4ccb084f9125e2ee17deb6000f8afc6e57a302d245",
        "2866b7ef8ab807a288978f071ce5ec4b1ee0463af13de9b8219de2c42a3a8268fc86dd0e30f6a6cd420e86624f7c5021a0ef6e46",
        "46c45d701cbf864a82ab79247e95b265e60d43b39223e7688078579307340072e8e3cbd196f33dedcf5b9543a89f3ac5",
    ),
)

RSA_8192 = RsaPair(
    _number(
        "e6752e3b6a5b6ba445849867b36f6c7d55b23e95bb05419344e8f43eba4e3bcedc7e8079b97aee39c1b48ba622268977bb39f953",
        "ae3137a271e8a038d35e5ae6150b2acfd3d985fe164d224b46e21fc733e1896989fc387b28ede906683a94c681d5d39c836a4575",
        "5672d28b8cf2e3b62b5e152533b2b2443807161cf4b28d903793cd9034dab8a2920241a8a9f3b2fb1274b2167f8b0b69dfee726e",
        "957120161881f93e9dcbf7fb3bc185bcde101e0121083029faf496bb893e771dadaf9043e9eb9afcf2ba9c9346e8d738a490a875",
        "e37e21a737aac02204423ab5c56c348eeeba45c9f91d80aead118e83135df2d8efdbf3b62f2d38a6959fcb01c25fec0ccda50439",
        "2be446dd94c4266c9912b9f6ab66452f663c3fd988640210dcfabec47881e5f2b289dbd03f84d4f673d66debe4c7875e5376818c",
        "a940a81cf705db6e809d735889b5cd5ec0e95946b2fbef88d2e2fe478a100e14d81a345bfacb10f820358e5662b31ea658042947",
        "c6de79d89268d5d21d26aee2dde26ec2f70ed3c0ffb966ecbf4a5a69d1ca3343b333a3798e38ee7bcb7515614db1f67784a53491",
        "68f6999ba0183c5f6ae02acaf28551a3f08a36f7e66051b716d4f326ac8716d5bd58ff893d4d9d62e78b02e7e03ecd4d5fa37e42",
        "85af536a4f895e826bb96ad32006405c5a58c02c3c2f49febf377b3356efdeababe2bbc25056e6ed61d61ea3",
    ),
    _number(
        "e18d96d644e512cc14c16e0117cd64d0f55a20f30f7d5f442a9f9b841e0f87078e74e5e383d391c41c18e0dc633a7937444406d0",
        "cba090a6f1660ee6821b5c30676d88d8e41592ea54171a3b528c4a8821887f12b51345259dd7f2c82fc9a32dfae80be543acfc77",
        "1697db17d5611d06079659317fe3192e0422747555a3210a9bf252f9371a2ae25333a11c0ee26020eb05a2c004634bbb65e1577b",
        "d183318423a3fb5e124df099fb6d17f43262d61c6a3bf3f30421b26a996101d49aafab24c10c976dbbf2ee8c7f089c43cd085204",
        "08ebaffca7f2322c709b42c1783df575a42f74fcefe573ee93c8d3e622d8c7c5dd14054a3a99c7826222c9f6ad615dc8233c82cf",
        "9ee5b9a5f1b67f000aa0a42564fcc6392e9407090bf68028fa7c0b54b34c98d204a597ea2beef4f0f61811fe5f58ab649691e9da",
        "e2f86232168fde365cae235481ca6e84a0fc353b494511013c9dab9ae0c2dde425ce52b9b2aa42f5f0cb66ebe9feaedbb1e77f5d",
        "896c236a9edcb97d90c2a8173df436ee75c5ec4a37e704634bd2dc98daf61eae287335ef1c80e85b39190b941a774536911d5a9d",
        "4982e353ae47212d8d40502d14c2ee48ee1df04293eb6b2dbc8186ae0e9506ed4dd3b513dd1608e047423d2c38c02aff55867728",
        "3bc627ad64efe5129c1167f92f12da6adcf59a86c172faee342d067f05e8d64f4a883cc90ae53dfe31486d4b",
    ),
)
