package io.github.kafkaenvelope;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * Finds the content key of an envelope: steps 8 to 10 of reading, with the caches.
 *
 * <p>A DEK is found only under (rule, provider, cmkId, canonical context, ciphertext DEK), a content key only under that
 * and (sessionId, suite, commitment). Both are stored after the commitment was verified, and no failure is stored.
 *
 * <p>Source: docs/format.md, sections 7, 13 and 20.
 */
final class ContentKeys {
    private final Map<String, Unwrapper> unwrappers;
    private final LruCache<DekId, byte[]> deks;
    private final LruCache<ContentKeyId, byte[]> contentKeys;

    /** @param capacity of each of both caches */
    ContentKeys(Map<String, Unwrapper> unwrappers, int capacity) {
        this.unwrappers = Map.copyOf(unwrappers);
        deks = new LruCache<>(capacity);
        contentKeys = new LruCache<>(capacity);
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
            byte[] contentKey = contentKeys.get(ContentKeyId.of(candidate, header));
            if (contentKey != null) {
                return contentKey;
            }
        }
        return tryInOrder(candidates, header);
    }

    private List<DekId> candidates(ReadRule rule, Envelope envelope) {
        String context = CanonicalContext.of(envelope.header().context());
        List<DekId> candidates = new ArrayList<>();
        for (CmkRef cmk : rule.accepted()) {
            if (!rule.acceptsPublicKeySealing() && unwrappers.get(cmk.provider()).asymmetric()) {
                continue;
            }
            envelope.wrappings().stream()
                    .filter(w -> w.cmk().equals(cmk))
                    .forEach(w -> candidates.add(new DekId(rule, cmk, context, ByteBuffer.wrap(w.ciphertextDek()))));
        }
        return candidates;
    }

    private byte[] tryInOrder(List<DekId> candidates, EnvelopeHeader header) {
        candidates.sort(Comparator.comparing(candidate -> deks.get(candidate) == null));
        Failures failures = new Failures();
        for (DekId candidate : candidates) {
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
        byte[] cached = deks.get(candidate);
        byte[] dek = cached == null ? unwrap(candidate) : cached;
        Suite1 suite = new Suite1(dek, header.sessionId());
        if (!suite.commitsTo(header.commitment())) {
            throw ErrorCode.COMMITMENT_MISMATCH.error("the commitment is not that of the DEK");
        }
        byte[] contentKey = suite.contentKey();
        deks.put(candidate, dek);
        contentKeys.put(ContentKeyId.of(candidate, header), contentKey);
        return contentKey;
    }

    private byte[] unwrap(DekId candidate) {
        CmkRef cmk = candidate.cmk();
        byte[] dek;
        try {
            byte[] ciphertextDek = candidate.ciphertextDek().array().clone();
            dek = unwrappers.get(cmk.provider()).unwrap(cmk.cmkId(), ciphertextDek, candidate.context());
        } catch (EnvelopeException e) {
            throw e;
        } catch (RuntimeException e) {
            throw new EnvelopeException(ErrorCode.KMS_FAILED.name(), ErrorCode.KMS_FAILED.kind(),
                    "an Unwrapper threw something other than EnvelopeException", e);
        }
        if (dek == null || dek.length != Suite1.DEK) {
            throw Unwrapper.unwrapFailed();
        }
        return dek.clone();
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
