package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Assert.assertBytes;
import static io.github.kafkaenvelope.Assert.assertCode;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class RulesTest {
    private static final List<CmkRef> CMKS = List.of(new CmkRef("local", "orders-2025"));
    private final Sealer sealer = new Sealer();

    @Test
    void aTombstoneIsNullUnlessTheRuleRejectsIt() {
        assertNull(opener(rule()).open("orders.eu", Example.KEY, List.of(), null));
        assertCode("TOMBSTONE_REJECTED",
                () -> opener(rule().rejectTombstones(true)).open("orders.eu", Example.KEY, List.of(), null));
    }

    @Test
    void anEmptyValueIsNotATombstone() {
        assertCode("NOT_SEALED", () -> opener(rule()).open("orders.eu", Example.KEY, List.of(), new byte[0]));
        sealer.plaintext = new byte[0];
        assertEquals(0, open(rule()).length);
    }

    @Test
    void aTopicWithoutARuleIsUnreadable() {
        EnvelopeOpener opener = EnvelopeOpener.builder().keyring(Keyrings.parse(Keyrings.orders2025()))
                .rule("orders.eu", rule().build()).build();
        assertBytes(Example.PLAINTEXT, opener.open("orders.eu", Example.KEY, List.of(), sealer.seal()));
        assertEquals(Kind.UNREADABLE, assertCode("TOPIC_NOT_CONFIGURED", () -> opener.open("orders.us", null, List.of(), null)).kind());
    }

    @Test
    void theKeyMustBeBoundUnlessTheRuleSaysOtherwise() {
        sealer.keyBound = false;
        assertCode("REQUIREMENT_UNMET", () -> open(rule()));
        assertOpens(rule().requireBoundKey(false));
    }

    @Test
    void aRequiredHeaderMustBeBoundAndMayBeAbsent() {
        assertCode("REQUIREMENT_UNMET", () -> open(rule().requireHeaders(List.of("a"))));
        sealer.boundHeaders = List.of("a", "b");
        assertOpens(rule().requireHeaders(List.of("a")));
        assertOpens(rule().requireHeaders(List.of("b", "a")));
        assertCode("REQUIREMENT_UNMET", () -> open(rule().requireHeaders(List.of("A"))));
    }

    @Test
    void aRequiredContextEntryMustBeThereWithExactlyThatValue() {
        sealer.context = new TreeMap<>(Map.of("env", "prod", "tenant", "acme"));
        assertOpens(rule().requireContext(Map.of("env", "prod")));
        assertOpens(rule().requireContext(Map.of("env", "prod", "tenant", "acme")));
        for (Map<String, String> required : List.of(Map.of("env", "Prod"), Map.of("Env", "prod"), Map.of("region", "eu"))) {
            assertCode("REQUIREMENT_UNMET", () -> open(rule().requireContext(required)));
        }
    }

    @Test
    void aSuiteIsRefusedUnlessAllowed() {
        assertCode("SUITE_NOT_ALLOWED", () -> open(rule().allowSuites(Set.of(2))));
        sealer.suite = 2;
        assertCode("UNKNOWN_SUITE", () -> open(rule().allowSuites(Set.of(2))));
    }

    @Test
    void mappedTopicsOpenByExactNameOrPrefix() {
        sealer.topic = "orders.eu";
        byte[] value = sealer.seal();
        assertCode("WRONG_TOPIC", () -> opener(rule()).open("mirror", sealer.key, List.of(), value));
        for (ReadRule.Builder rule : List.of(rule().originalTopics("orders.eu"), rule().originalPrefix("orders."),
                rule().originalPrefix("orders.eu"), rule().originalTopics("x").originalTopics("orders.eu"))) {
            assertBytes(Example.PLAINTEXT, opener(rule).open("mirror", sealer.key, List.of(), value));
            assertBytes(Example.PLAINTEXT, opener(rule).open("orders.eu", sealer.key, List.of(), value));
        }
        for (ReadRule.Builder rule : List.of(rule().originalTopics("orders."), rule().originalTopics("Orders.eu"),
                rule().originalPrefix("orders.eu."), rule().originalPrefix("eu"))) {
            assertCode("WRONG_TOPIC", () -> opener(rule).open("mirror", sealer.key, List.of(), value));
        }
    }

    @Test
    void aDecompressedValueOfExactlyTheLimitOpens() {
        sealer.compression = 1;
        sealer.plaintext = new byte[100_000];
        assertEquals(100_000, open(rule().maxDecompressedBytes(100_000)).length);
        assertCode("TOO_LARGE", () -> open(rule().maxDecompressedBytes(99_999)));
        assertCode("TOO_LARGE", () -> open(rule().maxDecompressedBytes(0)));
        sealer.plaintext = new byte[0];
        assertEquals(0, open(rule().maxDecompressedBytes(0)).length);
    }

    @Test
    void theDefaultLimitIs16MiB() {
        sealer.compression = 1;
        sealer.plaintext = new byte[16 << 20];
        assertEquals(16 << 20, open(rule()).length);
        sealer.plaintext = new byte[(16 << 20) + 1];
        assertCode("TOO_LARGE", () -> open(rule()));
    }

    @Test
    void aValueCompressedWithADictionaryOpensUpToTheLimit() {
        sealer.compression = 3;
        sealer.plaintext = new byte[100_000];
        for (int size : new int[] {1, 2, 32_767, 32_768}) {
            sealer.dictionary = new byte[size];
            for (int limit : new int[] {100_000, 99_999, 0}) {
                EnvelopeOpener opener = EnvelopeOpener.builder().keyring(Keyrings.parse(Keyrings.orders2025()))
                        .dictionary(sealer.dictionary).ruleForOtherTopics(rule().maxDecompressedBytes(limit).build()).build();
                if (limit == 100_000) {
                    assertBytes(sealer.plaintext, opener.open("orders.eu", sealer.key, sealer.headers, sealer.seal()));
                } else {
                    assertCode("TOO_LARGE", () -> opener.open("orders.eu", sealer.key, sealer.headers, sealer.seal()));
                }
            }
        }
    }

    @Test
    void aDictionaryWithoutBytesOrWithTooManyIsRefused() {
        for (int size : new int[] {0, 32_769}) {
            EnvelopeOpener.Builder opener = EnvelopeOpener.builder().keyring(Keyrings.parse(Keyrings.orders2025()))
                    .ruleForOtherTopics(rule().build()).dictionary(new byte[size]);
            assertThrows(IllegalArgumentException.class, opener::build);
        }
    }

    private static void compressWithADictionary(Sealer sealer) {
        sealer.dictionary = new byte[] {1};
        if (sealer.compression == 0) {
            sealer.compression = 3;
        }
    }

    @Test
    void theLimitIsNotForUncompressedValues() {
        sealer.plaintext = new byte[100_000];
        assertEquals(100_000, open(rule().maxDecompressedBytes(0)).length);
    }

    @Test
    void anEnvelopeInsideAnEnvelopeIsDeliveredAsItIs() {
        byte[] inner = new Sealer().seal();
        sealer.plaintext = inner;
        assertBytes(inner, open(rule()));
    }

    @Test
    void theFirstFailingCheckDecides() {
        List<Fault> faults = List.of(
                new Fault("UNKNOWN_SUITE", s -> s.suite = 3, r -> { }),
                new Fault("SUITE_NOT_ALLOWED", s -> { }, r -> r.allowSuites(Set.of(2))),
                new Fault("UNKNOWN_COMPRESSION", s -> s.compression = 4, r -> { }),
                new Fault("DICTIONARY_UNKNOWN", RulesTest::compressWithADictionary, r -> { }),
                new Fault("WRONG_TOPIC", s -> s.topic = "other", r -> { }),
                new Fault("REQUIREMENT_UNMET", s -> s.keyBound = false, r -> { }),
                new Fault("NO_CANDIDATE", s -> s.wrappings.put("local:other", new byte[64]), r -> { }),
                new Fault("UNWRAP_FAILED", s -> s.wrappings.putIfAbsent(s.wrappings.isEmpty() ? "local:orders-2025" : "x:x", new byte[64]),
                        r -> { }),
                new Fault("COMMITMENT_MISMATCH", s -> s.commitment = new byte[32], r -> { }),
                new Fault("AUTHENTICATION_FAILED", s -> s.headers = List.of(new HeaderEntry("bound", null)), r -> { }));
        for (int first = 0; first < faults.size(); first++) {
            for (int second = first; second < faults.size(); second++) {
                assertFirst(faults.get(first), faults.get(second));
            }
        }
    }

    @Test
    void aRuleThatCannotBeMeantIsRefused() {
        for (Executable faulty : List.<Executable>of(
                () -> ReadRule.accepting(List.of()),
                () -> ReadRule.accepting(List.of(CMKS.get(0), CMKS.get(0))),
                () -> new CmkRef("Local", "a"),
                () -> new CmkRef("local", ""),
                () -> new CmkRef("local", "a b"),
                () -> rule().originalPrefix(""),
                () -> rule().originalTopics("a*"),
                () -> rule().maxDecompressedBytes(-1),
                () -> rule().requireContext(Map.of("a b", "c")),
                () -> rule().requireContext(Map.of("a", "")),
                () -> EnvelopeOpener.builder().cachedKeys(-1),
                () -> EnvelopeOpener.builder().cachedKeysMaxAge(Duration.ofNanos(-1)),
                () -> EnvelopeOpener.builder().cachedKeysMaxAge(Duration.ofSeconds(Long.MAX_VALUE)),
                () -> EnvelopeOpener.builder().build(),
                () -> EnvelopeOpener.builder().ruleForOtherTopics(rule().build()).build(),
                () -> EnvelopeOpener.builder().rule("orders.eu", rule().build()).build())) {
            assertThrows(IllegalArgumentException.class, faulty);
        }
    }

    private static void assertFirst(Fault first, Fault second) {
        Sealer sealer = new Sealer();
        sealer.boundHeaders = List.of("bound");
        ReadRule.Builder rule = rule();
        for (Fault fault : List.of(first, second)) {
            fault.sealer.accept(sealer);
            fault.rule.accept(rule);
        }
        byte[] value = sealer.seal();
        assertCode(first.code, () -> opener(rule).open("orders.eu", Example.KEY, List.of(), value));
        byte[] cut = Arrays.copyOf(value, value.length - 1);
        assertCode("MALFORMED", () -> opener(rule).open("orders.eu", Example.KEY, List.of(), cut));
    }

    private static ReadRule.Builder rule() {
        return ReadRule.accepting(CMKS);
    }

    private static EnvelopeOpener opener(ReadRule.Builder rule) {
        return EnvelopeOpener.builder().keyring(Keyrings.parse(Keyrings.orders2025())).ruleForOtherTopics(rule.build()).build();
    }

    private byte[] open(ReadRule.Builder rule) {
        return opener(rule).open("orders.eu", sealer.key, sealer.headers, sealer.seal());
    }

    private void assertOpens(ReadRule.Builder rule) {
        assertBytes(Example.PLAINTEXT, open(rule));
    }

    private record Fault(String code, Consumer<Sealer> sealer, Consumer<ReadRule.Builder> rule) {
    }
}
