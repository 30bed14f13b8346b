package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Assert.assertBytes;
import static io.github.kafkaenvelope.Assert.assertCode;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.crypto.Cipher;
import javax.crypto.spec.OAEPParameterSpec;
import org.junit.jupiter.api.Test;

class WrappingsTest {
    private static final byte[] SECOND = Sealer.ascending(0x70, 32);
    private static final Unwrapper LOCAL = Keyrings.parse(Keyrings.json(Keyrings.aes("aes", true,
            Keyrings.version(1, Sealer.CMK), Keyrings.version(4294967295L, SECOND)))).local();
    private static final KeyPair RSA = Keyrings.RSA;

    @Test
    void localUnwrapsUnderTheStatedVersion() {
        assertBytes(Sealer.DEK, LOCAL.unwrap("aes", local(1, Sealer.CMK), ""));
        assertBytes(Sealer.DEK, LOCAL.unwrap("aes", local(-1, SECOND), ""));
        assertCode("UNWRAP_FAILED", () -> LOCAL.unwrap("aes", local(1, SECOND), ""));
    }

    @Test
    void localRefusesAVersionThatItLacksAsUnreadableAndVersionZeroAsInvalid() {
        EnvelopeException e = assertCode("CMK_NOT_FOUND", () -> LOCAL.unwrap("aes", local(2, Sealer.CMK), ""));
        assertEquals(Kind.UNREADABLE, e.kind());
        assertEquals(Kind.INVALID, assertCode("UNWRAP_FAILED", () -> LOCAL.unwrap("aes", local(0, Sealer.CMK), "")).kind());
    }

    @Test
    void localRefusesEveryOtherLength() {
        byte[] wrapped = local(1, Sealer.CMK);
        for (int length = 0; length <= 128; length++) {
            if (length != wrapped.length) {
                byte[] other = Arrays.copyOf(wrapped, length);
                assertCode("UNWRAP_FAILED", () -> LOCAL.unwrap("aes", other, ""));
            }
        }
    }

    @Test
    void localRefusesEveryChangedByteAnotherContextAndAnotherId() {
        byte[] wrapped = local(1, Sealer.CMK);
        for (int i = 4; i < wrapped.length; i++) {
            byte[] changed = wrapped.clone();
            changed[i] ^= 1;
            assertCode("UNWRAP_FAILED", () -> LOCAL.unwrap("aes", changed, ""));
        }
        assertCode("UNWRAP_FAILED", () -> LOCAL.unwrap("aes", wrapped, "{}"));
        Sealer sealer = new Sealer();
        assertCode("UNWRAP_FAILED", () -> LOCAL.unwrap("aes", sealer.local("other", Sealer.CMK, 1), ""));
    }

    @Test
    void theCanonicalContextIsOrderedByBytesAndEscapesNothing() {
        Sealer sealer = new Sealer();
        sealer.context = new TreeMap<>(Map.of("10", "a/b", "9", "x", "a", "=", "B", "@"));
        EnvelopeOpener opener = EnvelopeOpener.builder().keyring(Keyrings.parse(Keyrings.orders2025()))
                .ruleForOtherTopics(ReadRule.accepting(List.of(new CmkRef("local", "orders-2025"))).build()).build();
        assertEquals("{\"10\":\"a/b\",\"9\":\"x\",\"B\":\"@\",\"a\":\"=\"}",
                CanonicalContext.of(EnvelopeHeader.parse(sealer.header()).context()));
        assertBytes(Example.PLAINTEXT, opener.open("orders.eu", Example.KEY, List.of(), sealer.seal()));
    }

    @Test
    void rsaUnwrapsOaepWithSha256InBothPlaces() throws GeneralSecurityException {
        Unwrapper rsa = rsa(RSA);
        assertBytes(Sealer.DEK, rsa.unwrap("rsa", oaep(RSA, RsaOaep.parameters(), Sealer.DEK), "{\"not\":\"bound\"}"));
        KeyPair larger = Keyrings.rsa(3072);
        assertBytes(Sealer.DEK, rsa(larger).unwrap("rsa", oaep(larger, RsaOaep.parameters(), Sealer.DEK), ""));
    }

    @Test
    void rsaRefusesSha1InMgf1AndPkcs1() throws GeneralSecurityException {
        Cipher mixed = Cipher.getInstance("RSA/ECB/OAEPWithSHA-256AndMGF1Padding");
        mixed.init(Cipher.ENCRYPT_MODE, RSA.getPublic());
        byte[] mixedHashes = mixed.doFinal(Sealer.DEK);
        assertCode("UNWRAP_FAILED", () -> rsa(RSA).unwrap("rsa", mixedHashes, ""));
        byte[] sha1 = oaep(RSA, OAEPParameterSpec.DEFAULT, Sealer.DEK);
        assertCode("UNWRAP_FAILED", () -> rsa(RSA).unwrap("rsa", sha1, ""));
        Cipher pkcs1 = Cipher.getInstance("RSA/ECB/PKCS1Padding");
        pkcs1.init(Cipher.ENCRYPT_MODE, RSA.getPublic());
        byte[] old = pkcs1.doFinal(Sealer.DEK);
        assertCode("UNWRAP_FAILED", () -> rsa(RSA).unwrap("rsa", old, ""));
    }

    @Test
    void rsaRefusesOtherLengthsAndOtherKeys() throws GeneralSecurityException {
        byte[] wrapped = oaep(RSA, RsaOaep.parameters(), Sealer.DEK);
        for (int length : new int[] {1, 32, 255, 257, 512}) {
            byte[] other = Arrays.copyOf(wrapped, length);
            assertCode("UNWRAP_FAILED", () -> rsa(RSA).unwrap("rsa", other, ""));
        }
        byte[] tooLarge = new byte[256];
        Arrays.fill(tooLarge, (byte) 0xFF);
        assertCode("UNWRAP_FAILED", () -> rsa(RSA).unwrap("rsa", tooLarge, ""));
        assertCode("UNWRAP_FAILED", () -> rsa(Keyrings.rsa(2048)).unwrap("rsa", wrapped, ""));
        assertCode("CMK_NOT_FOUND", () -> rsa(RSA).unwrap("other", wrapped, ""));
    }

    @Test
    void anRsaWrappingOfOtherThan32BytesIsAnUnwrapFailure() throws GeneralSecurityException {
        Sealer sealer = new Sealer();
        sealer.wrappings.put("tencent-kms/rsa-oaep-sha256:rsa", oaep(RSA, RsaOaep.parameters(), new byte[31]));
        ReadRule rule = ReadRule.accepting(List.of(new CmkRef("tencent-kms/rsa-oaep-sha256", "rsa")))
                .acceptPublicKeySealing(true).build();
        EnvelopeOpener opener = EnvelopeOpener.builder().unwrapper("tencent-kms/rsa-oaep-sha256", rsa(RSA))
                .ruleForOtherTopics(rule).build();
        assertCode("UNWRAP_FAILED", () -> opener.open("orders.eu", Example.KEY, List.of(), sealer.seal()));
        sealer.wrappings.put("tencent-kms/rsa-oaep-sha256:rsa", oaep(RSA, RsaOaep.parameters(), Sealer.DEK));
        assertBytes(Example.PLAINTEXT, opener.open("orders.eu", Example.KEY, List.of(), sealer.seal()));
    }

    @Test
    void keysThatAreNotOfTheFormAreRefused() {
        String pem = Keyrings.pem("PRIVATE KEY", RSA.getPrivate());
        for (String faulty : List.of("", "x", pem + pem, pem.replace("PRIVATE", "RSA PRIVATE"),
                pem.replace("-----END", "-----ENDE"), Keyrings.pem("PUBLIC KEY", RSA.getPublic()),
                Keyrings.pem("PRIVATE KEY", RSA.getPublic()), pem.replaceFirst("MII", "!!!"),
                pem.replaceFirst("MII", "MI="), Keyrings.pem("PRIVATE KEY", Keyrings.rsa(1024).getPrivate()))) {
            assertThrows(IllegalArgumentException.class, () -> new RsaOaepUnwrapper(Map.of("rsa", faulty)));
        }
        assertBytes(RSA.getPrivate().getEncoded(), RsaPem.privateKey(pem.replace("\n", "\r\n")).getEncoded());
    }

    private static byte[] local(int version, byte[] cmk) {
        return new Sealer().local("aes", cmk, version);
    }

    private static Unwrapper rsa(KeyPair pair) {
        return new RsaOaepUnwrapper(Map.of("rsa", Keyrings.pem("PRIVATE KEY", pair.getPrivate())));
    }

    private static byte[] oaep(KeyPair pair, OAEPParameterSpec parameters, byte[] dek) throws GeneralSecurityException {
        Cipher cipher = Cipher.getInstance("RSA/ECB/OAEPPadding");
        cipher.init(Cipher.ENCRYPT_MODE, pair.getPublic(), parameters);
        return cipher.doFinal(dek);
    }
}
