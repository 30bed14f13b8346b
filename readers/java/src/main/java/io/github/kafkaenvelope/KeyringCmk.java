package io.github.kafkaenvelope;

import java.security.interfaces.RSAPrivateKey;
import java.util.Map;

/** One CMK of a keyring. */
interface KeyringCmk {
    /** The provider of its wrappings. */
    String provider();

    boolean enabled();

    /** As {@link Unwrapper#unwrap}, for an enabled CMK. */
    byte[] unwrap(String cmkId, byte[] ciphertextDek, String canonicalContext);

    /** @param versions version (1 to 2^32 − 1) to key (32 bytes) */
    record Aes(boolean enabled, Map<Long, byte[]> versions) implements KeyringCmk {
        @Override
        public String provider() {
            return Keyring.LOCAL;
        }

        @Override
        public byte[] unwrap(String cmkId, byte[] ciphertextDek, String canonicalContext) {
            return LocalAes.unwrap(cmkId, versions, ciphertextDek, canonicalContext);
        }
    }

    /** @param privateKey null if there is none */
    record Rsa(boolean enabled, RSAPrivateKey privateKey) implements KeyringCmk {
        @Override
        public String provider() {
            return Keyring.LOCAL_RSA;
        }

        @Override
        public byte[] unwrap(String cmkId, byte[] ciphertextDek, String canonicalContext) {
            if (privateKey == null) {
                throw ErrorCode.CMK_UNUSABLE.error("the CMK has no private key");
            }
            return RsaOaep.unwrap(privateKey, ciphertextDek);
        }
    }
}
