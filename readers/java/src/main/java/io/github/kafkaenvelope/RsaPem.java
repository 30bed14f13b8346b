package io.github.kafkaenvelope;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.interfaces.RSAKey;
import java.security.interfaces.RSAPrivateKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * RSA keys of 2,048 to 8,192 bits in PEM: PKCS #8, not encrypted, and SubjectPublicKeyInfo.
 *
 * <p>Source: docs/format.md, sections 10 and 21; RFC 7468.
 */
final class RsaPem {
    private static final Pattern PEM =
            Pattern.compile("\\s*-----BEGIN ([A-Z ]+)-----\\s([A-Za-z0-9+/=\\s]+)-----END \\1-----\\s*");

    private RsaPem() {
    }

    /** @throws IllegalArgumentException without any of the text in its message */
    static RSAPrivateKey privateKey(String pem) {
        byte[] der = der(pem, "PRIVATE KEY");
        try {
            return requireSize((RSAPrivateKey) KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(der)));
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("not an RSA private key in PKCS #8");
        }
    }

    /** @throws IllegalArgumentException without any of the text in its message */
    static RSAPublicKey publicKey(String pem) {
        byte[] der = der(pem, "PUBLIC KEY");
        try {
            return requireSize((RSAPublicKey) KeyFactory.getInstance("RSA").generatePublic(new X509EncodedKeySpec(der)));
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("not an RSA public key in SubjectPublicKeyInfo");
        }
    }

    private static byte[] der(String pem, String label) {
        Matcher matcher = PEM.matcher(pem);
        if (!matcher.matches() || !matcher.group(1).equals(label)) {
            throw new IllegalArgumentException("not one PEM block with the label " + label);
        }
        try {
            return Base64.getDecoder().decode(matcher.group(2).replaceAll("\\s", ""));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("not base64 in PEM");
        }
    }

    private static <K extends RSAKey> K requireSize(K key) {
        if (!RsaOaep.accepts(key)) {
            throw new IllegalArgumentException("the modulus has not 2,048 to 8,192 bits");
        }
        return key;
    }
}
