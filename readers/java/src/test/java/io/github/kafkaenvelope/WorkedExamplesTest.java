package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Assert.assertBytes;
import static io.github.kafkaenvelope.Assert.assertCode;
import static io.github.kafkaenvelope.Example.bytes;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class WorkedExamplesTest {
    private static final CmkRef CMK = new CmkRef("local", "orders-2025");
    private static final List<HeaderEntry> HEADERS = List.of(new HeaderEntry("schema-id", Sealer.bytes("42")),
            new HeaderEntry("traceparent", Sealer.bytes("00-ab")), new HeaderEntry("schema-id", null));
    private static final Map<Long, byte[]> VERSIONS = Map.of(1L, Example.CMK);

    @Test
    void section18HasTheStatedWrapping() {
        assertEquals(68, Example.WRAPPING_AAD.length);
        assertBytes(Example.WRAPPING_AAD, LocalAes.aad("orders-2025", "{\"env\":\"prod\",\"tenant\":\"acme\"}"));
        assertBytes(Example.DEK, LocalAes.unwrap("orders-2025", VERSIONS, Example.CIPHERTEXT_DEK,
                "{\"env\":\"prod\",\"tenant\":\"acme\"}"));
        assertBytes(Example.CIPHERTEXT_DEK, sealer().local("orders-2025", Example.CMK, 1));
        assertBytes(Example.WRAPPING_IV, Arrays.copyOfRange(Example.CIPHERTEXT_DEK, 4, 16));
    }

    @Test
    void section18HasTheStatedDerivation() {
        Suite1 suite = new Suite1(Example.DEK, Example.SESSION_ID);
        assertBytes(Example.CONTENT_KEY, suite.contentKey());
        assertTrue(suite.commitsTo(Example.COMMITMENT));
        assertFalse(suite.commitsTo(Example.CONTENT_KEY));
    }

    @Test
    void section18HasTheStatedHeader() {
        assertEquals(97, Example.HEADER.length);
        EnvelopeHeader header = EnvelopeHeader.parse(Example.HEADER);
        assertEquals(1, header.suite());
        assertEquals(0, header.compression());
        assertEquals(0, header.dictionary().length);
        assertTrue(header.keyBound());
        assertEquals(List.of("schema-id"), header.boundHeaders());
        assertEquals("orders.eu", header.topic());
        assertEquals(Map.of("env", "prod", "tenant", "acme"), header.context());
        assertEquals("{\"env\":\"prod\",\"tenant\":\"acme\"}", CanonicalContext.of(header.context()));
        assertBytes(Example.SESSION_ID, header.sessionId());
        assertBytes(Example.COMMITMENT, header.commitment());
        assertBytes(Example.HEADER, sealer().header());
    }

    @Test
    void section18HasTheStatedHeadAndAad() {
        byte[] head = Sealer.concat(bytes("c3010fea18fa6fe363e8"), bytes("02"), bytes("0a6c6f63616c"),
                bytes("166f72646572732d32303235"), bytes("8001"), Example.CIPHERTEXT_DEK, bytes("00"), bytes("c201"), Example.HEADER);
        assertEquals(195, head.length);
        assertBytes(head, Arrays.copyOf(Example.VALUE, 195));
        assertBytes(head, Arrays.copyOf(sealer().seal(), 195));
        assertEquals(138, Example.AAD.length);
        assertBytes(Example.AAD, Aad.of(EnvelopeHeader.parse(Example.HEADER), Example.KEY, HEADERS));
    }

    @Test
    void section18HasTheStatedSealing() {
        assertEquals(236, Example.VALUE.length);
        Envelope envelope = Envelope.parse(Example.VALUE);
        assertEquals(List.of(CMK), envelope.wrappings().stream().map(Wrapping::cmk).toList());
        assertBytes(Example.CIPHERTEXT_DEK, envelope.wrappings().get(0).ciphertextDek());
        assertBytes(Example.HEADER, envelope.header().encoded());
        assertBytes(Example.IV, envelope.iv());
        assertBytes(Sealer.concat(Example.BODY, Example.TAG), envelope.bodyAndTag());
        assertBytes(Example.PLAINTEXT,
                AesGcm.decrypt(Example.CONTENT_KEY, Example.IV, Example.AAD, envelope.bodyAndTag()).orElseThrow());
        assertBytes(Example.VALUE, sealer().seal());
        assertBytes(Example.PLAINTEXT, open(Example.VALUE));
    }

    @Test
    void section18OpensWithTheUnboundHeaderRemovedOrChanged() {
        assertBytes(Example.PLAINTEXT, open(rule().build(), "orders.eu", Example.KEY, List.of(HEADERS.get(0), HEADERS.get(2))));
        assertBytes(Example.PLAINTEXT, open(rule().build(), "orders.eu", Example.KEY,
                List.of(HEADERS.get(0), HEADERS.get(2), new HeaderEntry("traceparent", null))));
    }

    @Test
    void section18IsRefusedForTheStatedDifferencesOfRecordAndRule() {
        assertCode("WRONG_TOPIC", () -> open(rule().build(), "orders", Example.KEY, HEADERS));
        assertCode("AUTHENTICATION_FAILED", () -> open(rule().build(), "orders.eu", null, HEADERS));
        assertCode("AUTHENTICATION_FAILED", () -> open(rule().build(), "orders.eu", new byte[0], HEADERS));
        assertCode("AUTHENTICATION_FAILED", () -> open(rule().build(), "orders.eu", Example.KEY,
                List.of(HEADERS.get(2), HEADERS.get(1), HEADERS.get(0))));
        assertCode("REQUIREMENT_UNMET",
                () -> open(rule().requireHeaders(Set.of("region")).build(), "orders.eu", Example.KEY, HEADERS));
        assertCode("REQUIREMENT_UNMET",
                () -> open(rule().requireContext(Map.of("env", "test")).build(), "orders.eu", Example.KEY, HEADERS));
        ReadRule other = ReadRule.accepting(List.of(new CmkRef("local", "orders-2024"))).build();
        assertCode("NO_CANDIDATE", () -> open(other, "orders.eu", Example.KEY, HEADERS));
    }

    @Test
    void section18IsRefusedForTheStatedDifferencesOfBytes() {
        assertCode("AUTHENTICATION_FAILED", () -> open(replaced("f1e445c7", "f1e445c6")));
        assertCode("UNWRAP_FAILED", () -> open(replaced("61636d65", "61636d66")));
        assertCode("COMMITMENT_MISMATCH", () -> open(replaced("acadaeaf", "acadaeae")));
        assertCode("UNKNOWN_SUITE", () -> open(replaced("c2010200000102", "c2010400000102")));
        assertCode("UNKNOWN_SUITE", () -> open(replaced("c2010200000102", "c2010100000102")));
        assertCode("UNKNOWN_COMPRESSION", () -> open(replaced("c2010200000102", "c2010208000102")));
        assertCode("MALFORMED", () -> open(replaced("c2010200000102", "c2010206000102")));
        assertCode("MALFORMED", () -> open(replaced("c2010200000102", "c2010200000202")));
        assertCode("MALFORMED", () -> open(Arrays.copyOf(Example.VALUE, Example.VALUE.length + 1)));
        assertCode("MALFORMED", () -> open(replaced("166f72646572732d", "96006f72646572732d")));
        assertCode("UNKNOWN_FORMAT", () -> open(replaced("c3010fea", "c3010feb")));
        assertCode("MALFORMED", () -> open(Arrays.copyOf(Example.VALUE, 9)));
        assertCode("NOT_SEALED", () -> open(Arrays.copyOf(Example.VALUE, 1)));
    }

    @Test
    void section18WithTheDekGivenAndAnotherContextFailsAuthentication() {
        EnvelopeOpener opener = EnvelopeOpener.builder().unwrapper("local", new FixedDek(Example.DEK))
                .ruleForOtherTopics(rule().build()).build();
        assertCode("AUTHENTICATION_FAILED",
                () -> opener.open("orders.eu", Example.KEY, HEADERS, replaced("61636d65", "61636d66")));
    }

    @Test
    void section19HasEveryStatedValue() {
        assertBytes(GzipExample.WRAPPING_AAD, LocalAes.aad("orders-2025", ""));
        Suite1 suite = new Suite1(Example.DEK, GzipExample.SESSION_ID);
        assertBytes(GzipExample.CONTENT_KEY, suite.contentKey());
        assertTrue(suite.commitsTo(GzipExample.COMMITMENT));
        assertEquals(215, GzipExample.VALUE.length);
        Envelope envelope = Envelope.parse(GzipExample.VALUE);
        byte[] ciphertextDek = envelope.wrappings().get(0).ciphertextDek();
        assertBytes(GzipExample.WRAPPING_IV, Arrays.copyOfRange(ciphertextDek, 4, 16));
        assertBytes(Example.DEK, LocalAes.unwrap("orders-2025", VERSIONS, ciphertextDek, ""));
        assertBytes(GzipExample.HEADER, envelope.header().encoded());
        assertBytes(GzipExample.AAD, Aad.of(envelope.header(), Example.KEY, HEADERS));
        assertBytes(GzipExample.IV, envelope.iv());
        assertBytes(Sealer.concat(GzipExample.BODY, GzipExample.TAG), envelope.bodyAndTag());
        assertBytes(GzipExample.DATA,
                AesGcm.decrypt(GzipExample.CONTENT_KEY, GzipExample.IV, GzipExample.AAD, envelope.bodyAndTag()).orElseThrow());
        assertEquals("a".repeat(64), new String(Gzip.decompress(GzipExample.DATA, 64)));
    }

    @Test
    void section19OpensWithAnyKeyAndHeadersUnlessTheRuleRequiresABoundKey() {
        EnvelopeOpener opener = opener(rule().requireBoundKey(false).build());
        for (byte[] key : new byte[][] {null, {}, Example.KEY}) {
            assertEquals("a".repeat(64), new String(opener.open("orders.eu", key, HEADERS, GzipExample.VALUE)));
            assertEquals("a".repeat(64), new String(opener.open("orders.eu", key, List.of(), GzipExample.VALUE)));
        }
        assertCode("REQUIREMENT_UNMET", () -> open(GzipExample.VALUE));
    }

    @Test
    void section19Point1HasEveryStatedValue() {
        Suite1 suite = new Suite1(Example.DEK, DictionaryExample.SESSION_ID);
        assertBytes(DictionaryExample.CONTENT_KEY, suite.contentKey());
        assertTrue(suite.commitsTo(DictionaryExample.COMMITMENT));
        assertEquals(231, DictionaryExample.VALUE.length);
        assertEquals(96, DictionaryExample.HEADER.length);
        assertEquals(123, DictionaryExample.AAD.length);
        Envelope envelope = Envelope.parse(DictionaryExample.VALUE);
        byte[] ciphertextDek = envelope.wrappings().get(0).ciphertextDek();
        assertBytes(DictionaryExample.WRAPPING_IV, Arrays.copyOfRange(ciphertextDek, 4, 16));
        assertBytes(Example.DEK, LocalAes.unwrap("orders-2025", VERSIONS, ciphertextDek, ""));
        assertBytes(DictionaryExample.HEADER, envelope.header().encoded());
        assertBytes(Sealer.sha256(DictionaryExample.DICTIONARY), DictionaryExample.NAME);
        assertBytes(DictionaryExample.NAME, envelope.header().dictionary());
        assertBytes(DictionaryExample.AAD, Aad.of(envelope.header(), Example.KEY, List.of()));
        assertBytes(DictionaryExample.DATA, AesGcm.decrypt(DictionaryExample.CONTENT_KEY, DictionaryExample.IV,
                DictionaryExample.AAD, envelope.bodyAndTag()).orElseThrow());
        assertBytes(DictionaryExample.PLAINTEXT, Deflate.decompress(DictionaryExample.DATA, DictionaryExample.DICTIONARY, 28));
    }

    @Test
    void section19Point1OpensWithItsDictionaryOnly() {
        byte[] other = Sealer.bytes("another");
        assertBytes(DictionaryExample.PLAINTEXT, openWith(List.of(other, DictionaryExample.DICTIONARY)));
        assertCode("DICTIONARY_UNKNOWN", () -> openWith(List.of(other)));
        assertCode("DICTIONARY_UNKNOWN", () -> openWith(List.of()));
    }

    private static byte[] openWith(List<byte[]> dictionaries) {
        EnvelopeOpener.Builder opener = EnvelopeOpener.builder().keyring(Keyrings.parse(Keyrings.orders2025()))
                .ruleForOtherTopics(rule().build());
        dictionaries.forEach(opener::dictionary);
        return opener.build().open("orders.eu", Example.KEY, List.of(), DictionaryExample.VALUE);
    }

    private static Sealer sealer() {
        Sealer sealer = new Sealer();
        sealer.headers = HEADERS;
        sealer.boundHeaders = List.of("schema-id");
        sealer.context = new TreeMap<>(Map.of("env", "prod", "tenant", "acme"));
        sealer.iv = Example.IV;
        return sealer;
    }

    private static ReadRule.Builder rule() {
        return ReadRule.accepting(List.of(CMK));
    }

    private static EnvelopeOpener opener(ReadRule rule) {
        return EnvelopeOpener.builder().keyring(Keyrings.parse(Keyrings.orders2025())).ruleForOtherTopics(rule).build();
    }

    private static byte[] open(byte[] value) {
        return opener(rule().build()).open("orders.eu", Example.KEY, HEADERS, value);
    }

    private static byte[] open(ReadRule rule, String topic, byte[] key, List<HeaderEntry> headers) {
        return opener(rule).open(topic, key, headers, Example.VALUE);
    }

    /** The value with its one occurrence of some bytes replaced. */
    private static byte[] replaced(String from, String to) {
        String value = HexFormat.of().formatHex(Example.VALUE);
        assertEquals(value.indexOf(from), value.lastIndexOf(from));
        assertTrue(value.contains(from));
        return bytes(value.replace(from, to));
    }
}
