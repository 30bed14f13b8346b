package io.github.kafkaenvelope;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.interfaces.RSAKey;
import java.security.interfaces.RSAPrivateKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.MGF1ParameterSpec;
import javax.crypto.BadPaddingException;
import javax.crypto.Cipher;
import javax.crypto.IllegalBlockSizeException;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;

/**
 * RSAES-OAEP with SHA-256 as hash and in MGF1, and an empty label.
 *
 * <p>The parameters are stated in full: by its name alone, the JDK's {@code OAEPWithSHA-256AndMGF1Padding} uses SHA-1 in MGF1.
 *
 * <p>Source: docs/format.md, section 10; RFC 8017.
 */
final class RsaOaep {
    private static final int MIN_MODULUS_BITS = 2048;
    private static final int MAX_MODULUS_BITS = 8192;

    private RsaOaep() {
    }

    /** Whether the modulus has 2,048 to 8,192 bits. */
    static boolean accepts(RSAKey key) {
        int bits = key.getModulus().bitLength();
        return bits >= MIN_MODULUS_BITS && bits <= MAX_MODULUS_BITS;
    }

    /** Whether the private key decrypts what the public key encrypts, whatever other fields they have. */
    static boolean areAPair(RSAPublicKey publicKey, RSAPrivateKey privateKey) {
        BigInteger modulus = publicKey.getModulus();
        return privateKey.getModulus().equals(modulus) && BigInteger.TWO.modPow(publicKey.getPublicExponent(), modulus)
                .modPow(privateKey.getPrivateExponent(), modulus).equals(BigInteger.TWO);
    }

    /** @throws EnvelopeException {@code UNWRAP_FAILED} */
    static byte[] unwrap(RSAPrivateKey key, byte[] ciphertextDek) {
        if (ciphertextDek.length != (key.getModulus().bitLength() + 7) / 8) {
            throw Unwrapper.unwrapFailed();
        }
        try {
            Cipher cipher = Cipher.getInstance("RSA/ECB/OAEPPadding");
            cipher.init(Cipher.DECRYPT_MODE, key, parameters());
            return cipher.doFinal(ciphertextDek);
        } catch (BadPaddingException | IllegalBlockSizeException e) {
            throw Unwrapper.unwrapFailed();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("RSA-OAEP is not available", e);
        }
    }

    static OAEPParameterSpec parameters() {
        return new OAEPParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, PSource.PSpecified.DEFAULT);
    }
}
