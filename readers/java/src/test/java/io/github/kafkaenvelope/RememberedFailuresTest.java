package io.github.kafkaenvelope;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class RememberedFailuresTest {
    private long now;
    private final FakeKms kms = new FakeKms(false);
    private final RememberedFailures remembered = new RememberedFailures(kms, () -> now);

    @Test
    void aKmsThatIsAwayIsNotWaitedForAgainForFiveSeconds() {
        kms.answers("a", () -> {
            pass(10);
            throw ErrorCode.KMS_UNAVAILABLE.error("it is away");
        });
        assertFails("KMS_UNAVAILABLE", "a", 1, "");
        assertFails("KMS_UNAVAILABLE", "a", 2, "{}");
        assertEquals(1, kms.calls.size());
        pass(5);
        assertFails("KMS_UNAVAILABLE", "a", 1, "");
        assertEquals(2, kms.calls.size());
    }

    @Test
    void aFailureThatPassesAndCostsNoTimeIsTriedAgain() {
        kms.fails("a", "KMS_UNAVAILABLE", Kind.TRANSIENT);
        assertFails("KMS_UNAVAILABLE", "a", 1, "");
        kms.answers("a", () -> Sealer.DEK);
        assertEquals(Sealer.DEK, remembered.unwrap("a", new byte[] {1}, ""));
    }

    @Test
    void aWaitThatIsInterruptedSaysNothingAboutTheKms() {
        kms.answers("a", () -> {
            pass(3);
            Thread.currentThread().interrupt();
            throw ErrorCode.KMS_UNAVAILABLE.error("interrupted");
        });
        assertFails("KMS_UNAVAILABLE", "a", 1, "");
        assertTrue(Thread.interrupted());
        kms.answers("a", () -> Sealer.DEK);
        assertEquals(Sealer.DEK, remembered.unwrap("a", new byte[] {1}, ""));
    }

    @Test
    void aDenialCountsForAllDeksOfTheCmkAndContextAndThrottlingForTheCmk() {
        kms.fails("denied", "KMS_DENIED", Kind.UNREADABLE).fails("busy", "KMS_THROTTLED", Kind.TRANSIENT);
        assertFails("KMS_DENIED", "denied", 1, "");
        assertFails("KMS_DENIED", "denied", 2, "");
        assertFails("KMS_THROTTLED", "busy", 1, "");
        assertFails("KMS_THROTTLED", "busy", 2, "{}");
        assertEquals(List.of("denied", "busy"), kms.calls);
        kms.answers("denied", () -> Sealer.DEK);
        assertEquals(Sealer.DEK, remembered.unwrap("denied", new byte[] {1}, "{}"));
    }

    @Test
    void anotherRefusalCountsForTheDekOnly() {
        kms.fails("a", "CMK_DISABLED", Kind.UNREADABLE);
        assertFails("CMK_DISABLED", "a", 1, "");
        kms.answers("a", () -> Sealer.DEK);
        assertFails("CMK_DISABLED", "a", 1, "");
        assertEquals(Sealer.DEK, remembered.unwrap("a", new byte[] {2}, ""));
        pass(5);
        assertEquals(Sealer.DEK, remembered.unwrap("a", new byte[] {1}, ""));
    }

    private void pass(int seconds) {
        now += Duration.ofSeconds(seconds).toNanos();
    }

    private void assertFails(String code, String cmkId, int dek, String context) {
        assertEquals(code, assertThrows(EnvelopeException.class, () -> remembered.unwrap(cmkId, new byte[] {(byte) dek}, context)).code());
    }
}
