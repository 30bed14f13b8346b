package io.github.kafkaenvelope;

import java.util.HexFormat;

/**
 * The worked example without compression.
 *
 * <p>Source: docs/format.md, section 18.
 */
final class Example {
    static final byte[] DEK = bytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    static final byte[] CMK = bytes("404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f");
    static final byte[] WRAPPING_IV = bytes("606162636465666768696a6b");
    static final byte[] SESSION_ID = bytes("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
    static final byte[] KEY = bytes("6f726465722d3137");
    static final byte[] PLAINTEXT = bytes("7b226f72646572223a31377d");
    static final byte[] CONTENT_KEY = bytes("cd573bfd6fc270c770306f90883513bb517f659299501aad65ba01261d7f2106");
    static final byte[] COMMITMENT = bytes("2ea7625e1fc1f8bae2cbff0798f3b5440b277db7c9b7e82888977ce60705da0e");
    static final byte[] IV = bytes("000000000000000000000007");
    static final byte[] BODY = bytes("3da9aa0e498c0ac34ef29126");
    static final byte[] TAG = bytes("1e6eb77d8b837529adf421e1f1e445c7");
    static final byte[] WRAPPING_AAD = bytes("6b61666b612d656e76656c6f70652f6c6f63616c2f76310000000b6f72646572732d323032357b22656e76223a2270726f64"
            + "222c2274656e616e74223a2261636d65227d");
    static final byte[] CIPHERTEXT_DEK = bytes("00000001606162636465666768696a6bac290b06039196a10188733d098b52041f3dfc02032b87191663d1a3b7df19e4093d"
            + "ea3511f101fe2b62075b53c8c249");
    static final byte[] HEADER = bytes("020000010212736368656d612d696400126f72646572732e65750406656e760870726f640c74656e616e740861636d6500a0"
            + "a1a2a3a4a5a6a7a8a9aaabacadaeaf2ea7625e1fc1f8bae2cbff0798f3b5440b277db7c9b7e82888977ce60705da0e");
    static final byte[] AAD = bytes("c3010fea18fa6fe363e800000061020000010212736368656d612d696400126f72646572732e65750406656e760870726f64"
            + "0c74656e616e740861636d6500a0a1a2a3a4a5a6a7a8a9aaabacadaeaf2ea7625e1fc1f8bae2cbff0798f3b5440b277db7c9"
            + "b7e82888977ce60705da0e02000000086f726465722d313700000002000000023432ffffffff");
    static final byte[] VALUE = bytes("c3010fea18fa6fe363e8020a6c6f63616c166f72646572732d32303235800100000001606162636465666768696a6bac290b"
            + "06039196a10188733d098b52041f3dfc02032b87191663d1a3b7df19e4093dea3511f101fe2b62075b53c8c24900c2010200"
            + "00010212736368656d612d696400126f72646572732e65750406656e760870726f640c74656e616e740861636d6500a0a1a2"
            + "a3a4a5a6a7a8a9aaabacadaeaf2ea7625e1fc1f8bae2cbff0798f3b5440b277db7c9b7e82888977ce60705da0e0000000000"
            + "000000000000071e6eb77d8b837529adf421e1f1e445c7183da9aa0e498c0ac34ef29126");

    private Example() {
    }

    static byte[] bytes(String hex) {
        return HexFormat.of().parseHex(hex);
    }
}
