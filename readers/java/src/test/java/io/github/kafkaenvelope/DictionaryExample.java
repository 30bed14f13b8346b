package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Example.bytes;

/**
 * The worked example with a dictionary; DEK, CMK, topic and key are those of {@link Example}.
 *
 * <p>Source: docs/format.md, section 19.1.
 */
final class DictionaryExample {
    static final byte[] DICTIONARY = bytes("7b226f72646572223a31372c22737461747573223a2270616964227d");
    static final byte[] NAME = bytes("589985ace74759b6592e92607addcfa5cc8303b777c73e7fa7bde4fbe9ceaa25");
    static final byte[] PLAINTEXT = bytes("7b226f72646572223a31382c22737461747573223a2270616964227d");
    static final byte[] SESSION_ID = bytes("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf");
    static final byte[] CONTENT_KEY = bytes("ea99e32fe45ae37083128b6d7f1a7931eb7c00e782fff01d2f5fe697468b8e4d");
    static final byte[] COMMITMENT = bytes("45459bf8e981a802410e88ccb54d09a0cae2e04335ba934961af24c80c884f9c");
    static final byte[] WRAPPING_IV = bytes("808182838485868788898a8b");
    static final byte[] DATA = bytes("43c85920e4a07200");
    static final byte[] HEADER = bytes("020640589985ace74759b6592e92607addcfa5cc8303b777c73e7fa7bde4fbe9ceaa250100126f72646572732e657500c0c1"
            + "c2c3c4c5c6c7c8c9cacbcccdcecf45459bf8e981a802410e88ccb54d09a0cae2e04335ba934961af24c80c884f9c");
    static final byte[] AAD = bytes("c3010fea18fa6fe363e800000060020640589985ace74759b6592e92607addcfa5cc8303b777c73e7fa7bde4fbe9ceaa2501"
            + "00126f72646572732e657500c0c1c2c3c4c5c6c7c8c9cacbcccdcecf45459bf8e981a802410e88ccb54d09a0cae2e04335ba"
            + "934961af24c80c884f9c02000000086f726465722d3137");
    static final byte[] IV = bytes("000000000000000000000000");
    static final byte[] VALUE = bytes("c3010fea18fa6fe363e8020a6c6f63616c166f72646572732d32303235800100000001808182838485868788898a8b2d5fbc"
            + "c426712c8460639a237eaf9b2de8eddbc15972f003e69762cfcd087f636b29b74c53b254e2b1e49c13d87e6d7200c0010206"
            + "40589985ace74759b6592e92607addcfa5cc8303b777c73e7fa7bde4fbe9ceaa250100126f72646572732e657500c0c1c2c3"
            + "c4c5c6c7c8c9cacbcccdcecf45459bf8e981a802410e88ccb54d09a0cae2e04335ba934961af24c80c884f9c000000000000"
            + "00000000000026d82029738400719cdfef06424bdc53103b95587e65a85cd6");

    private DictionaryExample() {
    }
}
