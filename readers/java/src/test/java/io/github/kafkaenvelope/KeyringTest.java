package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Assert.assertBytes;
import static io.github.kafkaenvelope.Assert.assertCode;
import static io.github.kafkaenvelope.Keyrings.RSA;
import static io.github.kafkaenvelope.Keyrings.aes;
import static io.github.kafkaenvelope.Keyrings.json;
import static io.github.kafkaenvelope.Keyrings.rsa;
import static io.github.kafkaenvelope.Keyrings.rsaWithout;
import static io.github.kafkaenvelope.Keyrings.version;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.RSAPublicKeySpec;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.crypto.Cipher;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

class KeyringTest {
    private static final String KEY = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=";
    private static final byte[] WRAPPED = new Sealer().local("a", Sealer.CMK, 1);
    @TempDir
    Path folder;

    @Test
    void bothTypesUnwrap() throws Exception {
        Keyring keyring = Keyrings.parse(json(aes("a", true, version(1, Sealer.CMK)), rsa("r", true, RSA)));
        assertEquals(List.of(new CmkRef("local", "a"), new CmkRef("local/rsa-oaep-sha256", "r")), keyring.cmks());
        assertBytes(Sealer.DEK, keyring.local().unwrap("a", WRAPPED, ""));
        Cipher cipher = Cipher.getInstance("RSA/ECB/OAEPPadding");
        cipher.init(Cipher.ENCRYPT_MODE, RSA.getPublic(), RsaOaep.parameters());
        assertBytes(Sealer.DEK, keyring.localRsa().unwrap("r", cipher.doFinal(Sealer.DEK), ""));
        assertFalse(keyring.local().asymmetric());
        assertEquals(true, keyring.localRsa().asymmetric());
    }

    @Test
    void whatTheKeyringCannotDoIsUnreadable() {
        Keyring keyring = Keyrings.parse(json(aes("off", false, version(1, Sealer.CMK)), rsa("r-off", false, RSA),
                aes("a", true, version(1, Sealer.CMK)), rsaWithout("public", true, RSA)));
        List<EnvelopeException> failures = List.of(
                assertCode("CMK_NOT_FOUND", () -> keyring.local().unwrap("b", WRAPPED, "")),
                assertCode("CMK_NOT_FOUND", () -> keyring.local().unwrap("public", WRAPPED, "")),
                assertCode("CMK_NOT_FOUND", () -> keyring.localRsa().unwrap("a", new byte[256], "")),
                assertCode("CMK_DISABLED", () -> keyring.local().unwrap("off", WRAPPED, "")),
                assertCode("CMK_DISABLED", () -> keyring.localRsa().unwrap("r-off", new byte[256], "")),
                assertCode("CMK_UNUSABLE", () -> keyring.localRsa().unwrap("public", new byte[256], "")));
        failures.forEach(e -> assertEquals(Kind.UNREADABLE, e.kind()));
    }

    @Test
    void theExponentsOfAPairBelongTogether() throws Exception {
        RSAPublicKeySpec otherExponent = new RSAPublicKeySpec(((RSAPublicKey) RSA.getPublic()).getModulus(), BigInteger.valueOf(17));
        KeyPair mixed = new KeyPair(KeyFactory.getInstance("RSA").generatePublic(otherExponent), RSA.getPrivate());
        assertCode("KEYRING_INVALID", () -> Keyrings.parse(json(rsa("r", true, mixed))));
    }

    @Test
    void aNumberIsTheSameHoweverItIsWritten() {
        String json = Keyrings.orders2025().replace("\"schemaVersion\":1", "\"schemaVersion\":1.0");
        assertEquals(1, Keyrings.parse(json.replace("\"version\":1", "\"version\":10e-1")).cmks().size());
    }

    @Test
    void aTimeMayHaveAFractionOfAnyLength() {
        for (String time : List.of("2025-01-02T03:04:05Z", "2024-02-29T23:59:59.1Z", "2025-01-02T03:04:05.0123456789Z")) {
            assertEquals(1, Keyrings.parse(Keyrings.orders2025().replace(Keyrings.TIME, time)).cmks().size());
        }
    }

    @Test
    void anEmptyListIsAKeyring() {
        assertEquals(List.of(), Keyrings.parse(json()).cmks());
    }

    @Test
    void aFileIsReadOnlyIfItIsItsOwnersAlone() throws Exception {
        for (String permissions : List.of("rw-------", "r--------")) {
            assertEquals(1, Keyring.read(Keyrings.write(folder, Keyrings.orders2025(), permissions)).cmks().size());
            Files.delete(folder.resolve("keyring.json"));
        }
        for (String permissions : List.of("rw-r-----", "rw----r--", "rw--w----", "rwx-----x")) {
            Path file = Keyrings.write(folder, Keyrings.orders2025(), permissions);
            assertCode("KEYRING_INVALID", () -> Keyring.read(file));
        }
        assertCode("KEYRING_INVALID", () -> Keyring.read(folder.resolve("absent")));
        assertCode("KEYRING_INVALID", () -> Keyring.read(folder));
    }

    @Test
    void aFileHasAtMost16MiB() {
        String json = Keyrings.orders2025();
        assertEquals(1, Keyrings.parse(json + " ".repeat((16 << 20) - json.length())).cmks().size());
        assertCode("KEYRING_INVALID", () -> Keyrings.parse(json + " ".repeat((16 << 20) - json.length() + 1)));
    }

    @Test
    void aFileIsUtf8() {
        byte[] json = Keyrings.orders2025().getBytes(StandardCharsets.UTF_8);
        json[Keyrings.orders2025().indexOf("orders-2025")] = (byte) 0xFF;
        assertCode("KEYRING_INVALID", () -> Keyring.parse(json));
        assertCode("KEYRING_INVALID", () -> Keyring.parse(Keyrings.orders2025().getBytes(StandardCharsets.UTF_16LE)));
        assertCode("KEYRING_INVALID", () -> Keyrings.parse('\uFEFF' + Keyrings.orders2025()));
    }

    @TestFactory
    Stream<DynamicTest> everyFaultIsRefusedWithoutTheFilesText() {
        String good = json(aes("a", true, version(1, Sealer.CMK), version(2, Sealer.CMK)), rsa("r", true, RSA));
        Keyrings.parse(good);
        List<String> faulty = new ArrayList<>(List.of("", "null", "[]", "{", good + "x", good + "{}", "{\"schemaVersion\":1}",
                "{\"cmks\":[]}", json("null"), json("[]"), json("1"), json(aes("a", true)),
                json(aes("a", true, version(1, Sealer.CMK)), aes("a", true, version(1, Sealer.CMK))),
                json(aes("", true, version(1, Sealer.CMK))), json(aes("a b", true, version(1, Sealer.CMK))),
                json(aes("é", true, version(1, Sealer.CMK))), json(aes("a".repeat(257), true, version(1, Sealer.CMK))),
                json(aes("a", true, version(0, Sealer.CMK))), json(aes("a", true, version(-1, Sealer.CMK))),
                json(aes("a", true, version(4294967296L, Sealer.CMK))),
                json(aes("a", true, version(1, Sealer.CMK), version(1, Sealer.CMK))),
                json(aes("a", true, version(2, Sealer.CMK), version(1, Sealer.CMK))),
                json(aes("a", true, version(1, new byte[31]))), json(aes("a", true, version(1, new byte[33]))),
                json(rsa("r", true, Keyrings.rsa(1024))),
                json(rsaWithout("r", true, RSA).replace("}", ",\"privateKey\":null}")),
                json(rsa("r", true, new KeyPair(Keyrings.rsa(2048).getPublic(), RSA.getPrivate())))));
        for (String[] change : new String[][] {
            {"\"schemaVersion\":1", "\"schemaVersion\":2"}, {"\"schemaVersion\":1", "\"schemaVersion\":1.5"},
            {"\"schemaVersion\":1", "\"schemaVersion\":\"1\""}, {"\"schemaVersion\":1", "\"schemaVersion\":1,\"schemaVersion\":1"},
            {"\"schemaVersion\":1", "\"schemaVersion\":1,\"more\":1"}, {"\"cmks\":[", "\"cmks\":{\"a\":["},
            {"\"id\":\"a\"", "\"id\":1"}, {"\"id\":\"a\"", "\"id\":\"a\",\"id\":\"a\""}, {"\"id\":\"a\",", ""},
            {"\"id\":\"a\"", "\"id\":\"a\",\"more\":1"}, {"aes-256", "aes-128"}, {"aes-256", "rsa-oaep-sha256"},
            {"rsa-oaep-sha256", "aes-256"}, {"\"enabled\":true", "\"enabled\":\"true\""}, {"\"enabled\":true", "\"enabled\":1"},
            {"\"version\":1", "\"version\":\"1\""}, {"\"version\":1", "\"version\":1.5"},
            {"\"version\":1", "\"version\":1e400000000"}, {Keyrings.TIME, "yesterday"}, {Keyrings.TIME, "2025-01-02T03:04:05+01:00"},
            {Keyrings.TIME, "2025-01-02T03:04:05+00:00"},
            {Keyrings.TIME, "2025-01-02t03:04:05z"}, {Keyrings.TIME, "2025-01-02T03:04:05.Z"}, {Keyrings.TIME, "2025-01-02T03:04:60Z"},
            {Keyrings.TIME, "+12025-01-02T03:04:05Z"}, {Keyrings.TIME, "2025-02-30T03:04:05Z"}, {Keyrings.TIME, "2025-01-02"}, {KEY, KEY.substring(1)},
            {KEY, KEY.replace("=", "")}, {KEY, KEY.replace("8=", "9=")}, {KEY, KEY.replace('Q', '_')}, {KEY, KEY + "\\n"},
            {"BEGIN PUBLIC", "BEGIN PRIVATE"}, {"BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE"},
            {"-----BEGIN PRIVATE", "junk-----BEGIN PRIVATE"}, {"\"enabled\":true", "\"enabled\":" + KEY},
        }) {
            faulty.add(replaceFirst(good, change[0], change[1]));
        }
        return IntStream.range(0, faulty.size())
                .mapToObj(i -> DynamicTest.dynamicTest("fault " + i, () -> assertRefused(faulty.get(i))));
    }

    private static void assertRefused(String text) {
        EnvelopeException e = assertCode("KEYRING_INVALID", () -> Keyrings.parse(text));
        assertEquals(null, e.getCause());
        assertFalse(e.getMessage().contains(KEY.substring(0, 8)));
    }

    private static String replaceFirst(String text, String from, String to) {
        int at = text.indexOf(from);
        if (at < 0) {
            throw new IllegalArgumentException("the test changes nothing: " + from);
        }
        return text.substring(0, at) + to + text.substring(at + from.length());
    }
}
