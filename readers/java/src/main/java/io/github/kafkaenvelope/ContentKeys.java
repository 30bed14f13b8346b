package io.github.kafkaenvelope;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Finds the content key of an envelope: steps 8 to 10 of reading, with the caches.
 *
 * <p>A DEK is found only under (rule, provider, cmkId, canonical context, ciphertext DEK), a content key only under
 * that and (sessionId, suite, commitment). A DEK is stored as soon as it is unwrapped, so that a flood of forged
 * headers costs no calls. A content key is stored only after the commitment was verified, and no longer than its DEK.
 * Failures are not stored.
 *
 * <p>Source: docs/format.md, sections 7, 13 and 20.
 */
final class ContentKeys {
    private static final List<String> ASYMMETRIC_ALGORITHMS = List.of("/rsa-oaep-sha256", "/sm2");

    private final Map<String, Unwrapper> unwrappers;
    private final Set<String> asymmetric;
    private final KeyCache<DekId> deks;
    private final KeyCache<ContentKeyId> contentKeys;

    /**
     * @param capacity of each of the two caches
     * @param maxAge of what is in them, counted from the unwrapping
     * @param nanoTime as {@link System#nanoTime()}
     */
    ContentKeys(Map<String, Unwrapper> unwrappers, int capacity, Duration maxAge, LongSupplier nanoTime) {
        this.unwrappers = Map.copyOf(unwrappers);
        asymmetric = unwrappers.keySet().stream().filter(this::isAsymmetric).collect(Collectors.toUnmodifiableSet());
        deks = new KeyCache<>(capacity, maxAge, nanoTime);
        contentKeys = new KeyCache<>(capacity, maxAge, nanoTime);
    }

    /** The name alone can make a provider asymmetric, whatever the implementation says. */
    private boolean isAsymmetric(String provider) {
        return ASYMMETRIC_ALGORITHMS.stream().anyMatch(provider::endsWith) || unwrappers.get(provider).asymmetric();
    }

    /**
     * The content key, 32 bytes, not to be changed.
     *
     * @throws EnvelopeException {@code NO_CANDIDATE}, {@code UNWRAP_FAILED}, {@code COMMITMENT_MISMATCH} or that of a KMS
     */
    byte[] find(ReadRule rule, Envelope envelope) {
        List<DekId> candidates = candidates(rule, envelope);
        if (candidates.isEmpty()) {
            throw ErrorCode.NO_CANDIDATE.error("the rule accepts none of the wrappings");
        }
        EnvelopeHeader header = envelope.header();
        for (DekId candidate : candidates) {
            KeyCache.Held contentKey = contentKeys.get(ContentKeyId.of(candidate, header));
            if (contentKey != null) {
                return contentKey.key();
            }
        }
        return tryInOrder(candidates, header);
    }

    private List<DekId> candidates(ReadRule rule, Envelope envelope) {
        String context = CanonicalContext.of(envelope.header().context());
        List<DekId> candidates = new ArrayList<>();
        for (CmkRef cmk : rule.accepted()) {
            if (!rule.acceptsPublicKeySealing() && asymmetric.contains(cmk.provider())) {
                continue;
            }
            wrappingFor(cmk, envelope.wrappings())
                    .ifPresent(w -> candidates.add(new DekId(rule, cmk, context, ByteBuffer.wrap(w.ciphertextDek()))));
        }
        return candidates;
    }

    /** The wrapping under the CMK itself, or else the first one that it unwraps for another CMK. */
    private Optional<Wrapping> wrappingFor(CmkRef cmk, List<Wrapping> wrappings) {
        List<Wrapping> ofProvider =
                wrappings.stream().filter(w -> w.cmk().provider().equals(cmk.provider())).toList();
        return ofProvider.stream()
                .filter(w -> w.cmk().equals(cmk))
                .findFirst()
                .or(() -> ofProvider.stream()
                        .filter(w -> unwrappers.get(cmk.provider()).unwrapsFor(cmk.cmkId(), w.cmk().cmkId()))
                        .findFirst());
    }

    private byte[] tryInOrder(List<DekId> candidates, EnvelopeHeader header) {
        Map<Boolean, List<DekId>> byHeld =
                candidates.stream().collect(Collectors.partitioningBy(candidate -> deks.get(candidate) != null));
        Failures failures = new Failures();
        for (DekId candidate : Stream.concat(byHeld.get(true).stream(), byHeld.get(false).stream()).toList()) {
            try {
                return contentKey(candidate, header);
            } catch (EnvelopeException e) {
                failures.add(e);
            }
            if (failures.areEnough()) {
                break;
            }
        }
        throw failures.decisive();
    }

    private byte[] contentKey(DekId candidate, EnvelopeHeader header) {
        KeyCache.Held dek = deks.get(candidate);
        if (dek == null) {
            dek = deks.held(unwrap(candidate));
            deks.put(candidate, dek);
        }
        Suite1 suite = new Suite1(dek.key(), header.sessionId());
        if (!suite.commitsTo(header.commitment())) {
            throw ErrorCode.COMMITMENT_MISMATCH.error("the commitment is not that of the DEK");
        }
        byte[] contentKey = suite.contentKey();
        contentKeys.put(ContentKeyId.of(candidate, header), dek.derived(contentKey));
        return contentKey;
    }

    private byte[] unwrap(DekId candidate) {
        CmkRef cmk = candidate.cmk();
        byte[] dek;
        try {
            byte[] ciphertextDek = candidate.ciphertextDek().array().clone();
            dek = unwrappers.get(cmk.provider()).unwrap(cmk.cmkId(), ciphertextDek, candidate.context());
        } catch (Exception e) {
            throw ofKms(e);
        }
        if (dek == null || dek.length != Suite1.DEK) {
            throw Unwrapper.unwrapFailed();
        }
        return dek.clone();
    }

    /**
     * Of the failures of a KMS, only the one about the ciphertext DEK is invalid; a failure without a matching code is
     * transient.
     */
    private static EnvelopeException ofKms(Exception e) {
        if (e instanceof EnvelopeException failure
                && (failure.kind() != Kind.INVALID || failure.code().equals(ErrorCode.UNWRAP_FAILED.name()))) {
            return failure;
        }
        return new EnvelopeException(ErrorCode.KMS_UNAVAILABLE.name(), ErrorCode.KMS_UNAVAILABLE.kind(),
                "an Unwrapper failed in a way that has no code", e);
    }

    /** Equal for one rule instance, CMK, context and ciphertext DEK. */
    private record DekId(ReadRule rule, CmkRef cmk, String context, ByteBuffer ciphertextDek) {
    }

    private record ContentKeyId(DekId dek, ByteBuffer sessionId, int suite, ByteBuffer commitment) {
        static ContentKeyId of(DekId dek, EnvelopeHeader header) {
            return new ContentKeyId(dek, ByteBuffer.wrap(header.sessionId()), header.suite(),
                    ByteBuffer.wrap(header.commitment()));
        }
    }
}
