package io.github.kafkaenvelope;

/**
 * A CMK, and the provider that says how to unwrap with it.
 *
 * <p>Source: docs/format.md, section 4.
 *
 * @param provider {@code [a-z0-9/-]{1,64}}, such as {@code local}
 * @param cmkId {@code [!-~]{1,256}}
 */
public record CmkRef(String provider, String cmkId) {
    static final int MAX_PROVIDER = 64;
    static final int MAX_CMK_ID = 256;

    /** @throws IllegalArgumentException if one is not of its form */
    public CmkRef {
        Alphabet.PROVIDER.require(provider, MAX_PROVIDER, "provider");
        Alphabet.CMK_ID.require(cmkId, MAX_CMK_ID, "cmkId");
    }
}
