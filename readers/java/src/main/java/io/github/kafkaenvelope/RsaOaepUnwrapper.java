package io.github.kafkaenvelope;

import java.security.interfaces.RSAPrivateKey;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A provider {@code …/rsa-oaep-sha256} whose private keys this process holds, such as {@code
 * tencent-kms/rsa-oaep-sha256} with keys that were imported there.
 *
 * <p>Source: docs/format.md, section 10.
 */
public final class RsaOaepUnwrapper implements Unwrapper {
    private final Map<String, RSAPrivateKey> keys;

    /**
     * @param pemByCmkId {@code cmkId} to private key: PKCS #8 in PEM, not encrypted, RSA of 2,048 to 8,192 bits
     * @throws IllegalArgumentException if a key does not have that form
     */
    public RsaOaepUnwrapper(Map<String, String> pemByCmkId) {
        keys = pemByCmkId.entrySet().stream()
                .collect(Collectors.toUnmodifiableMap(Map.Entry::getKey, e -> RsaPem.privateKey(e.getValue())));
    }

    @Override
    public boolean asymmetric() {
        return true;
    }

    /** @throws EnvelopeException {@code CMK_NOT_FOUND} or {@code UNWRAP_FAILED} */
    @Override
    public byte[] unwrap(String cmkId, byte[] ciphertextDek, String canonicalContext) {
        RSAPrivateKey key = keys.get(cmkId);
        if (key == null) {
            throw ErrorCode.CMK_NOT_FOUND.error("there is no private key for the CMK");
        }
        return RsaOaep.unwrap(key, ciphertextDek);
    }
}
