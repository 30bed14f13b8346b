package io.github.kafkaenvelope;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.Key;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;

/** Keyring files for tests. */
final class Keyrings {
    static final String TIME = "2025-01-02T03:04:05.678Z";
    static final KeyPair RSA = rsa(2048);

    private Keyrings() {
    }

    /** The CMK {@code orders-2025} of the worked examples. */
    static String orders2025() {
        return json(aes("orders-2025", true, version(1, Sealer.CMK)));
    }

    static String json(String... cmks) {
        return "{\"schemaVersion\":1,\"cmks\":[" + String.join(",", cmks) + "]}";
    }

    static String aes(String id, boolean enabled, String... versions) {
        return "{\"id\":\"" + id + "\",\"type\":\"aes-256\",\"enabled\":" + enabled + ",\"versions\":["
                + String.join(",", versions) + "]}";
    }

    static String version(long version, byte[] key) {
        return "{\"version\":" + version + ",\"createdAt\":\"" + TIME + "\",\"key\":\""
                + Base64.getEncoder().encodeToString(key) + "\"}";
    }

    static String rsa(String id, boolean enabled, KeyPair pair) {
        return rsaWithout(id, enabled, pair).replace("}", ",\"privateKey\":\"" + jsonPem("PRIVATE KEY", pair.getPrivate()) + "\"}");
    }

    /** Without the private key. */
    static String rsaWithout(String id, boolean enabled, KeyPair pair) {
        return "{\"id\":\"" + id + "\",\"type\":\"rsa-oaep-sha256\",\"enabled\":" + enabled + ",\"createdAt\":\"" + TIME
                + "\",\"publicKey\":\"" + jsonPem("PUBLIC KEY", pair.getPublic()) + "\"}";
    }

    static String pem(String label, Key key) {
        return "-----BEGIN " + label + "-----\n" + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(key.getEncoded())
                + "\n-----END " + label + "-----\n";
    }

    static KeyPair rsa(int bits) {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
            generator.initialize(bits);
            return generator.generateKeyPair();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    static Keyring parse(String json) {
        return Keyring.parse(json.getBytes(StandardCharsets.UTF_8));
    }

    static Path write(Path folder, String json, String permissions) throws IOException {
        Path file = Files.writeString(folder.resolve("keyring.json"), json);
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(permissions));
    }

    private static String jsonPem(String label, Key key) {
        return pem(label, key).replace("\n", "\\n");
    }
}
