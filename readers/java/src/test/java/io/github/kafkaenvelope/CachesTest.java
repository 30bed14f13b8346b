package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Assert.assertBytes;
import static io.github.kafkaenvelope.Assert.assertCode;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class CachesTest {
    private static final List<CmkRef> CMKS = List.of(new CmkRef("kms", "a"), new CmkRef("kms", "b"));
    private final FixedDek kms = new FixedDek(Sealer.DEK);
    private final EnvelopeOpener opener = opener(16);

    @Test
    void oneSessionIsUnwrappedOnce() {
        assertOpens(sealer());
        assertOpens(sealer());
        assertEquals(1, kms.calls.get());
    }

    @Test
    void oneDekIsUnwrappedOnceForSeveralSessions() {
        assertOpens(sealer());
        assertOpens(nextSession());
        assertEquals(1, kms.calls.get());
    }

    @Test
    void anotherRuleFindsNothing() {
        assertOpens(sealer());
        Sealer other = sealer();
        other.topic = "invoices";
        assertBytes(Example.PLAINTEXT, opener.open("invoices", other.key, List.of(), other.seal()));
        assertEquals(2, kms.calls.get());
    }

    @Test
    void anotherCmkFindsNothing() {
        assertOpens(sealer());
        Sealer other = sealer();
        other.wrappings.clear();
        other.wrappings.put("kms:b", Sealer.bytes("ciphertext"));
        assertOpens(other);
        assertEquals(2, kms.calls.get());
    }

    @Test
    void anotherCiphertextDekFindsNothing() {
        assertOpens(sealer());
        Sealer other = sealer();
        other.wrappings.put("kms:a", Sealer.bytes("ciphertexu"));
        assertOpens(other);
        assertEquals(2, kms.calls.get());
    }

    @Test
    void anotherContextFindsNothing() {
        assertOpens(sealer());
        Sealer other = sealer();
        other.context = new TreeMap<>(Map.of("env", "prod"));
        assertOpens(other);
        assertEquals(2, kms.calls.get());
    }

    @Test
    void aWarmCacheDoesNotPassAnotherCommitment() {
        assertOpens(sealer());
        Sealer other = sealer();
        other.commitment = new byte[32];
        assertCode("COMMITMENT_MISMATCH", () -> open(other));
        Sealer otherSession = nextSession();
        otherSession.commitment = Example.COMMITMENT;
        assertCode("COMMITMENT_MISMATCH", () -> open(otherSession));
        assertOpens(sealer());
    }

    @Test
    void aDekIsStoredOnceUnwrappedAndAContentKeyNotBeforeTheCommitmentIsVerified() {
        for (int i = 0; i < 5; i++) {
            Sealer other = sealer();
            other.commitment = Sealer.ascending(i, 32);
            assertCode("COMMITMENT_MISMATCH", () -> open(other));
            assertCode("COMMITMENT_MISMATCH", () -> open(other));
        }
        assertOpens(sealer());
        assertEquals(1, kms.calls.get());
    }

    @Test
    void aKeyIsStoredForAnHourOrAsLongAsConfigured() {
        assertIsStoredFor(Duration.ofHours(1), builder());
        assertIsStoredFor(Duration.ofSeconds(5), builder().cachedKeysMaxAge(Duration.ofSeconds(5)));
    }

    private void assertIsStoredFor(Duration age, EnvelopeOpener.Builder builder) {
        AtomicLong now = new AtomicLong(Long.MAX_VALUE - 1);
        EnvelopeOpener aging = builder.nanoTime(now::get).build();
        int before = kms.calls.get();
        assertBytes(Example.PLAINTEXT, aging.open("orders.eu", Example.KEY, List.of(), sealer().seal()));
        now.addAndGet(age.toNanos() - 1);
        assertBytes(Example.PLAINTEXT, aging.open("orders.eu", Example.KEY, List.of(), sealer().seal()));
        assertBytes(Example.PLAINTEXT, aging.open("orders.eu", Example.KEY, List.of(), nextSession().seal()));
        assertEquals(before + 1, kms.calls.get());
        now.addAndGet(1);
        assertBytes(Example.PLAINTEXT, aging.open("orders.eu", Example.KEY, List.of(), nextSession().seal()));
        assertEquals(before + 2, kms.calls.get());
    }

    @Test
    void aContentKeyIsNoYoungerThanItsDek() {
        AtomicLong now = new AtomicLong();
        FakeKms revoked = new FakeKms(false).answers("a", () -> Sealer.DEK);
        EnvelopeOpener aging = EnvelopeOpener.builder().unwrapper("kms", revoked).nanoTime(now::get)
                .ruleForOtherTopics(ReadRule.accepting(CMKS).build()).build();
        assertBytes(Example.PLAINTEXT, aging.open("orders.eu", Example.KEY, List.of(), sealer().seal()));
        revoked.fails("a", "CMK_DISABLED", Kind.UNREADABLE);
        now.set(Duration.ofHours(1).toNanos() - 1);
        assertBytes(Example.PLAINTEXT, aging.open("orders.eu", Example.KEY, List.of(), nextSession().seal()));
        now.incrementAndGet();
        assertCode("CMK_DISABLED", () -> aging.open("orders.eu", Example.KEY, List.of(), nextSession().seal()));
    }

    @Test
    void withoutAnAgeEveryRecordIsUnwrapped() {
        EnvelopeOpener none = builder().cachedKeysMaxAge(Duration.ZERO).build();
        for (int i = 0; i < 3; i++) {
            none.open("orders.eu", Example.KEY, List.of(), sealer().seal());
        }
        assertEquals(3, kms.calls.get());
    }

    @Test
    void failuresAreNotStored() {
        FakeKms failing = new FakeKms(false).fails("a", "KMS_TIMEOUT", Kind.TRANSIENT);
        EnvelopeOpener fails = EnvelopeOpener.builder().unwrapper("kms", failing)
                .ruleForOtherTopics(ReadRule.accepting(CMKS).build()).build();
        assertCode("KMS_TIMEOUT", () -> fails.open("orders.eu", Example.KEY, List.of(), sealer().seal()));
        failing.answers("a", () -> Sealer.DEK);
        assertBytes(Example.PLAINTEXT, fails.open("orders.eu", Example.KEY, List.of(), sealer().seal()));
    }

    @Test
    void aKmsThatReusesItsArraysHarmsNothing() {
        byte[] reused = Sealer.DEK.clone();
        FakeKms reusing = new FakeKms(false).answers("a", () -> reused);
        EnvelopeOpener reuses = EnvelopeOpener.builder().unwrapper("kms", reusing)
                .ruleForOtherTopics(ReadRule.accepting(CMKS).build()).build();
        assertBytes(Example.PLAINTEXT, reuses.open("orders.eu", Example.KEY, List.of(), sealer().seal()));
        reused[0] ^= 1;
        assertBytes(Example.PLAINTEXT, reuses.open("orders.eu", Example.KEY, List.of(), nextSession().seal()));
    }

    @Test
    void theNumberOfEntriesIsBoundedAndTheOneUnusedForLongestGoesFirst() {
        KeyCache<Integer> cache = new KeyCache<>(2, Duration.ofHours(1), () -> 0);
        KeyCache.Held held = cache.held(Sealer.DEK);
        cache.put(1, held);
        cache.put(2, held);
        assertEquals(held, cache.get(1));
        cache.put(3, held);
        assertEquals(null, cache.get(2));
        assertEquals(held, cache.get(1));
        assertEquals(held, cache.get(3));
    }

    @Test
    void withoutACacheEveryRecordIsUnwrapped() {
        EnvelopeOpener none = opener(0);
        for (int i = 0; i < 3; i++) {
            none.open("orders.eu", Example.KEY, List.of(), sealer().seal());
        }
        assertEquals(3, kms.calls.get());
    }

    @Test
    void severalThreadsMayUseOneOpener() throws Exception {
        EnvelopeOpener small = opener(3);
        List<byte[]> values = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            Sealer sealer = sealer();
            sealer.sessionId = Sealer.ascending(i, 16);
            values.add(sealer.seal());
        }
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            List<Future<?>> results = new ArrayList<>();
            for (int thread = 0; thread < 8; thread++) {
                results.add(threads.submit(() -> {
                    for (int i = 0; i < 400; i++) {
                        assertBytes(Example.PLAINTEXT, small.open("orders.eu", Example.KEY, List.of(), values.get(i % 8)));
                    }
                }));
            }
            for (Future<?> result : results) {
                result.get();
            }
        } finally {
            threads.shutdownNow();
        }
    }

    private EnvelopeOpener opener(int cachedKeys) {
        return builder().cachedKeys(cachedKeys).build();
    }

    private EnvelopeOpener.Builder builder() {
        return EnvelopeOpener.builder().unwrapper("kms", kms)
                .rule("orders.eu", ReadRule.accepting(CMKS).build())
                .rule("invoices", ReadRule.accepting(CMKS).build());
    }

    private static Sealer sealer() {
        Sealer sealer = new Sealer();
        sealer.wrappings.put("kms:a", Sealer.bytes("ciphertext"));
        return sealer;
    }

    private static Sealer nextSession() {
        Sealer sealer = sealer();
        sealer.sessionId = Sealer.ascending(0xb0, 16);
        return sealer;
    }

    private byte[] open(Sealer sealer) {
        return opener.open("orders.eu", sealer.key, List.of(), sealer.seal());
    }

    private void assertOpens(Sealer sealer) {
        assertBytes(Example.PLAINTEXT, open(sealer));
    }
}
