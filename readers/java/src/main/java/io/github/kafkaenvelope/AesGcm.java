package io.github.kafkaenvelope;

import java.security.GeneralSecurityException;
import java.util.Optional;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** AES-256-GCM with a tag of 16 bytes, by the JDK. */
final class AesGcm {
    private static final int TAG_BITS = 128;

    private AesGcm() {
    }

    /**
     * @param key 32 bytes
     * @param iv 12 bytes
     * @param ciphertextAndTag the tag last
     * @return the plaintext, or nothing if the tag does not verify
     */
    static Optional<byte[]> decrypt(byte[] key, byte[] iv, byte[] aad, byte[] ciphertextAndTag) {
        try {
            Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
            cipher.init(Cipher.DECRYPT_MODE, new SecretKeySpec(key, "AES"), new GCMParameterSpec(TAG_BITS, iv));
            cipher.updateAAD(aad);
            return Optional.of(cipher.doFinal(ciphertextAndTag));
        } catch (AEADBadTagException e) {
            return Optional.empty();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("AES-256-GCM is not available", e);
        }
    }
}
