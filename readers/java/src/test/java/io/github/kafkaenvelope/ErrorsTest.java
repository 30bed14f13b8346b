package io.github.kafkaenvelope;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class ErrorsTest {
    private static final Pattern ROW_OF_14 =
            Pattern.compile("(?m)^\\| ((?:`[A-Z_]+`(?:, )?)+) +\\| _(transient|unreadable)_ +\\|");
    private static final Pattern ROW = Pattern.compile("\\| `([A-Z_]+)` +\\| (invalid|unreadable) +\\|");

    @Test
    void codesAndKindsAreThoseOfTheTablesOfSections13And14() throws IOException {
        Map<String, String> stated = new TreeMap<>();
        String format = Files.readString(Path.of("../../docs/format.md"));
        ROW.matcher(format).results()
                .forEach((MatchResult row) -> stated.put(row.group(1), row.group(2).toUpperCase(Locale.ROOT)));
        assertEquals(16, stated.size());
        ROW_OF_14.matcher(format).results().forEach((MatchResult row) -> Pattern.compile("[A-Z_]+").matcher(row.group(1)).results()
                .forEach(code -> stated.put(code.group(), row.group(2).toUpperCase(Locale.ROOT))));
        assertEquals(16 + 10, stated.size());
        stated.put("KEYRING_INVALID", "UNREADABLE");
        Map<String, String> actual = new TreeMap<>();
        for (ErrorCode code : ErrorCode.values()) {
            actual.put(code.name(), code.kind().name());
        }
        assertEquals(stated, actual);
    }

    @Test
    void theCodeDecidesTheKind() {
        assertThrows(IllegalArgumentException.class, () -> new EnvelopeException("KMS_TIMEOUT", Kind.UNREADABLE, "", null));
        assertEquals(Kind.TRANSIENT, new EnvelopeException("KMS_TIMEOUT", Kind.TRANSIENT, "", null).kind());
        assertEquals(Kind.UNREADABLE, new EnvelopeException("OWN", Kind.UNREADABLE, "", null).kind());
    }

    @Test
    void noMessageHasKeysOrContent() throws IOException {
        int failures = 0;
        for (Vector vector : Vector.all()) {
            try {
                vector.opener().open(vector.topic(), vector.key(), vector.headers(), vector.envelope());
            } catch (EnvelopeException e) {
                failures++;
                assertNull(e.getCause());
                assertNotNull(ErrorCode.valueOf(e.code()));
                assertHasNothingOf(e, vector.dek(), vector.key(), vector.envelope());
            }
        }
        assertTrue(failures > 100);
    }

    @Test
    void noMessageOfAFailedUnwrappingHasKeysOrContent() {
        Sealer sealer = new Sealer();
        sealer.wrappings.put("local:orders-2025", sealer.local("orders-2025", Sealer.DEK, 1));
        byte[] value = sealer.seal();
        EnvelopeOpener opener = EnvelopeOpener.builder().keyring(Keyrings.parse(Keyrings.orders2025()))
                .ruleForOtherTopics(ReadRule.accepting(List.of(new CmkRef("local", "orders-2025"))).build()).build();
        EnvelopeException e = Assert.assertCode("UNWRAP_FAILED", () -> opener.open("orders.eu", Example.KEY, List.of(), value));
        assertNull(e.getCause());
        assertHasNothingOf(e, Sealer.DEK, Sealer.CMK, Example.PLAINTEXT, Example.KEY, value);
    }

    /** Looks for the first eight bytes as text, hex, base64 and as Java prints an array. */
    private static void assertHasNothingOf(EnvelopeException e, byte[]... secrets) {
        for (byte[] secret : secrets) {
            if (secret == null || secret.length < 8) {
                continue;
            }
            byte[] start = Arrays.copyOf(secret, 8);
            String list = Arrays.toString(start);
            for (String text : List.of(new String(start, StandardCharsets.ISO_8859_1), HexFormat.of().formatHex(start),
                    Base64.getEncoder().encodeToString(start).substring(0, 10), list.substring(1, list.length() - 1))) {
                assertFalse(e.toString().toLowerCase(Locale.ROOT).contains(text.toLowerCase(Locale.ROOT)));
            }
        }
    }
}
