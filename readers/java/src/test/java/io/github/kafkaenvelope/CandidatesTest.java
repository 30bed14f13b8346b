package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Assert.assertBytes;
import static io.github.kafkaenvelope.Assert.assertCode;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Steps 8 to 10. */
class CandidatesTest {
    private final FakeKms kms = new FakeKms(false).answers("a", () -> Sealer.DEK).answers("b", () -> Sealer.DEK)
            .answers("c", () -> Sealer.DEK);
    private final FakeKms asymmetric = new FakeKms(true).answers("a", () -> Sealer.DEK);

    @Test
    void theOrderIsThatOfTheRule() {
        assertOpens(opener("kms:c", "kms:a"), sealed("kms:a", "kms:b", "kms:c"));
        assertEquals(List.of("c"), kms.calls);
    }

    @Test
    void aPairMustMatchExactly() {
        assertCode("NO_CANDIDATE", () -> open(opener("kms:a"), sealed("kms:A", "kms2:a", "kms/a:a")));
        assertEquals(List.of(), kms.calls);
    }

    @Test
    void aCmkIsAskedForItsReplicaUnderItsOwnId() {
        kms.withReplicas();
        assertOpens(opener("kms:a"), sealed("kms:B", "kms:A"));
        assertEquals(List.of("a"), kms.calls);
        assertCode("NO_CANDIDATE", () -> open(opener("kms:a"), sealed("kms:B", "kms2:A")));
    }

    @Test
    void aWrappingUnderTheCmkItselfComesBeforeThatOfAReplica() {
        byte[] value = sealed("kms:A", "kms:a");
        assertOpens(opener("kms:a"), value);
        kms.withReplicas();
        assertOpens(opener("kms:a"), value);
        assertEquals(List.of("a", "a"), kms.calls);
    }

    @Test
    void unknownProvidersAreIgnored() {
        assertOpens(opener("kms:a"), sealed("nobody/knows-it:x", "kms:a"));
    }

    @Test
    void anAsymmetricWrappingIsTriedOnlyByARuleThatSaysSo() {
        byte[] value = sealed("asymmetric:a");
        assertCode("NO_CANDIDATE", () -> open(opener("asymmetric:a"), value));
        assertEquals(List.of(), asymmetric.calls);
        ReadRule rule = rule("asymmetric:a").acceptPublicKeySealing(true).build();
        assertOpens(EnvelopeOpener.builder().unwrapper("asymmetric", asymmetric).ruleForOtherTopics(rule).build(), value);
    }

    @Test
    void aCandidateThatFailsGivesWayToTheNext() {
        kms.fails("a", "UNWRAP_FAILED", Kind.INVALID);
        assertOpens(opener("kms:a", "kms:b"), sealed("kms:a", "kms:b"));
        kms.answers("a", () -> Sealer.CMK);
        assertOpens(opener("kms:a", "kms:b"), sealed("kms:a", "kms:b"));
        kms.answers("a", () -> null);
        assertOpens(opener("kms:a", "kms:b"), sealed("kms:a", "kms:b"));
    }

    @Test
    void aThirdOneIsNotTriedAfterTwoThatAreToBlame() {
        kms.fails("a", "UNWRAP_FAILED", Kind.INVALID).answers("b", () -> Sealer.CMK);
        assertCode("UNWRAP_FAILED", () -> open(opener("kms:a", "kms:b", "kms:c"), sealed("kms:a", "kms:b", "kms:c")));
        assertEquals(List.of("a", "b"), kms.calls);
    }

    @Test
    void aKmsThatIsAwayOrDeniesDoesNotCount() {
        kms.fails("a", "KMS_THROTTLED", Kind.TRANSIENT).fails("b", "KMS_TIMEOUT", Kind.TRANSIENT);
        assertOpens(opener("kms:a", "kms:b", "kms:c"), sealed("kms:a", "kms:b", "kms:c"));
        kms.fails("a", "KMS_DENIED", Kind.UNREADABLE).fails("b", "CMK_DISABLED", Kind.UNREADABLE);
        assertOpens(opener("kms:a", "kms:b", "kms:c"), sealed("kms:a", "kms:b", "kms:c"));
    }

    @Test
    void aRefusedCiphertextDekIsReportedFirst() {
        kms.fails("a", "KMS_THROTTLED", Kind.TRANSIENT).fails("b", "KMS_DENIED", Kind.UNREADABLE)
                .fails("c", "UNWRAP_FAILED", Kind.INVALID);
        EnvelopeException e = assertCode("UNWRAP_FAILED",
                () -> open(opener("kms:a", "kms:b", "kms:c"), sealed("kms:a", "kms:b", "kms:c")));
        assertEquals(Kind.INVALID, e.kind());
    }

    @Test
    void aTransientFailureIsReportedBeforeAnUnreadableOne() {
        kms.fails("a", "KMS_DENIED", Kind.UNREADABLE).fails("b", "KMS_THROTTLED", Kind.TRANSIENT);
        assertCode("KMS_THROTTLED", () -> open(opener("kms:a", "kms:b"), sealed("kms:a", "kms:b")));
    }

    @Test
    void otherwiseTheFirstFailureIsReported() {
        kms.answers("a", () -> Sealer.CMK).fails("b", "UNWRAP_FAILED", Kind.INVALID);
        assertCode("COMMITMENT_MISMATCH", () -> open(opener("kms:a", "kms:b"), sealed("kms:a", "kms:b")));
    }

    @ParameterizedTest
    @MethodSource("exceptionsWithoutACode")
    void anyOtherExceptionOfAKmsIsATransientFailureWithThatCause(RuntimeException cause) {
        kms.answers("a", () -> {
            throw cause;
        });
        EnvelopeException e = assertCode("KMS_UNAVAILABLE", () -> open(opener("kms:a"), sealed("kms:a")));
        assertEquals(Kind.TRANSIENT, e.kind());
        assertEquals(cause, e.getCause());
        assertOpens(opener("kms:a", "kms:b"), sealed("kms:a", "kms:b"));
    }

    private static Stream<RuntimeException> exceptionsWithoutACode() {
        return Stream.of(new IllegalStateException("a fault in the implementation"), new NullPointerException(),
                new EnvelopeException("MALFORMED", Kind.INVALID, "not of a KMS", null),
                new EnvelopeException("OWN", Kind.INVALID, "not of a KMS", null));
    }

    @Test
    void aCodeOfAKmsIsPassedOn() {
        for (ErrorCode code : List.of(ErrorCode.KMS_THROTTLED, ErrorCode.KMS_TIMEOUT, ErrorCode.KMS_RATE_LIMITED, ErrorCode.KMS_DENIED)) {
            kms.fails("a", code.name(), code.kind());
            assertCode(code.name(), () -> open(opener("kms:a"), sealed("kms:a")));
        }
        kms.fails("a", "OWN", Kind.UNREADABLE);
        assertCode("OWN", () -> open(opener("kms:a"), sealed("kms:a")));
    }

    @Test
    void aNameOfAnAsymmetricAlgorithmCountsWhateverTheImplementationSays() {
        for (String provider : List.of("own/rsa-oaep-sha256", "own/sm2")) {
            ReadRule.Builder rule = rule(provider + ":a");
            EnvelopeOpener refusing = EnvelopeOpener.builder().unwrapper(provider, kms).ruleForOtherTopics(rule.build()).build();
            assertCode("NO_CANDIDATE", () -> open(refusing, sealed(provider + ":a")));
            assertOpens(EnvelopeOpener.builder().unwrapper(provider, kms)
                    .ruleForOtherTopics(rule.acceptPublicKeySealing(true).build()).build(), sealed(provider + ":a"));
        }
    }

    @Test
    void aResultThatHasNot32BytesIsAnUnwrapFailure() {
        for (int length : new int[] {0, 31, 33}) {
            kms.answers("a", () -> new byte[length]);
            assertCode("UNWRAP_FAILED", () -> open(opener("kms:a"), sealed("kms:a")));
        }
    }

    @Test
    void afterAFailedAuthenticationNoFurtherCandidateIsTried() {
        byte[] value = sealed("kms:a", "kms:b");
        value[value.length - 1] ^= 1;
        assertCode("AUTHENTICATION_FAILED", () -> open(opener("kms:a", "kms:b"), value));
        assertEquals(List.of("a"), kms.calls);
    }

    @Test
    void aCandidateWhoseDekIsHeldComesFirst() {
        kms.fails("a", "KMS_TIMEOUT", Kind.TRANSIENT);
        EnvelopeOpener opener = opener("kms:a", "kms:b");
        assertOpens(opener, sealed("kms:a", "kms:b"));
        Sealer nextSession = sealer("kms:a", "kms:b");
        nextSession.sessionId = Sealer.ascending(0xb0, 16);
        assertOpens(opener, nextSession.seal());
        assertEquals(List.of("a", "b"), kms.calls);
    }

    private EnvelopeOpener opener(String... accepted) {
        return EnvelopeOpener.builder().unwrapper("kms", kms).unwrapper("asymmetric", asymmetric)
                .ruleForOtherTopics(rule(accepted).build()).build();
    }

    private static ReadRule.Builder rule(String... accepted) {
        return ReadRule.accepting(Stream.of(accepted).map(a -> new CmkRef(a.split(":")[0], a.split(":")[1])).toList());
    }

    private static Sealer sealer(String... wrappings) {
        Sealer sealer = new Sealer();
        for (String wrapping : wrappings) {
            sealer.wrappings.put(wrapping, Sealer.bytes("ciphertext of " + wrapping));
        }
        return sealer;
    }

    private static byte[] sealed(String... wrappings) {
        return sealer(wrappings).seal();
    }

    private static byte[] open(EnvelopeOpener opener, byte[] value) {
        return opener.open("orders.eu", Example.KEY, List.of(), value);
    }

    private static void assertOpens(EnvelopeOpener opener, byte[] value) {
        assertBytes(Example.PLAINTEXT, open(opener, value));
    }
}
