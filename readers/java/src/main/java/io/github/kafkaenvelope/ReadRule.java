package io.github.kafkaenvelope;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The requirements of a reader for the envelopes of a topic. Immutable. Cached keys belong to one instance: another
 * instance with the same content does not find them.
 *
 * <p>Source: docs/format.md, sections 11 to 13 and 20.
 */
public final class ReadRule {
    static final int DEFAULT_MAX_DECOMPRESSED_BYTES = 16 << 20;

    private final List<CmkRef> accepted;
    private final boolean acceptPublicKeySealing;
    private final boolean requireBoundKey;
    private final Set<String> requiredHeaders;
    private final Map<String, String> requiredContext;
    private final Set<Integer> allowedSuites;
    private final Set<String> originalTopics;
    private final List<String> originalPrefixes;
    private final int maxDecompressedBytes;
    private final boolean rejectTombstones;

    private ReadRule(Builder builder) {
        accepted = List.copyOf(builder.accepted);
        acceptPublicKeySealing = builder.acceptPublicKeySealing;
        requireBoundKey = builder.requireBoundKey;
        requiredHeaders = Set.copyOf(builder.requiredHeaders);
        requiredContext = Map.copyOf(builder.requiredContext);
        allowedSuites = Set.copyOf(builder.allowedSuites);
        originalTopics = Set.copyOf(builder.originalTopics);
        originalPrefixes = List.copyOf(builder.originalPrefixes);
        maxDecompressedBytes = builder.maxDecompressedBytes;
        rejectTombstones = builder.rejectTombstones;
    }

    /**
     * Begins a rule.
     *
     * @param accepted the CMKs whose wrappings are tried, in order of preference, nearest first
     * @throws IllegalArgumentException if there are none, or one is a duplicate
     */
    public static Builder accepting(List<CmkRef> accepted) {
        return new Builder(accepted);
    }

    List<CmkRef> accepted() {
        return accepted;
    }

    boolean acceptsPublicKeySealing() {
        return acceptPublicKeySealing;
    }

    boolean rejectsTombstones() {
        return rejectTombstones;
    }

    int maxDecompressedBytes() {
        return maxDecompressedBytes;
    }

    /** Steps 4 to 7: checks of the header, before any key is looked for. */
    void check(String topicRead, EnvelopeHeader header, Dictionaries dictionaries) {
        if (header.suite() != Suite1.NUMBER) {
            throw ErrorCode.UNKNOWN_SUITE.error("the suite is not known");
        }
        if (!allowedSuites.contains(header.suite())) {
            throw ErrorCode.SUITE_NOT_ALLOWED.error("the rule does not allow the suite");
        }
        Compression.requireKnown(header, dictionaries);
        if (!isFor(topicRead, header.topic())) {
            throw ErrorCode.WRONG_TOPIC.error("the envelope was sealed for another topic");
        }
        checkRequirements(header);
    }

    private boolean isFor(String topicRead, String topicSealed) {
        return topicSealed.equals(topicRead) || originalTopics.contains(topicSealed)
                || originalPrefixes.stream().anyMatch(topicSealed::startsWith);
    }

    private void checkRequirements(EnvelopeHeader header) {
        if (requireBoundKey && !header.keyBound()) {
            throw ErrorCode.REQUIREMENT_UNMET.error("the record key is not bound");
        }
        if (!header.boundHeaders().containsAll(requiredHeaders)) {
            throw ErrorCode.REQUIREMENT_UNMET.error("a required header is not bound");
        }
        if (!header.context().entrySet().containsAll(requiredContext.entrySet())) {
            throw ErrorCode.REQUIREMENT_UNMET.error("a required context entry is not there");
        }
    }

    /** Collects a rule. An invalid argument is an {@link IllegalArgumentException}. */
    public static final class Builder {
        private final List<CmkRef> accepted;
        private final List<String> originalTopics = new ArrayList<>();
        private final List<String> originalPrefixes = new ArrayList<>();
        private boolean acceptPublicKeySealing;
        private boolean requireBoundKey = true;
        private Collection<String> requiredHeaders = Set.of();
        private Map<String, String> requiredContext = Map.of();
        private Set<Integer> allowedSuites = Set.of(Suite1.NUMBER);
        private int maxDecompressedBytes = DEFAULT_MAX_DECOMPRESSED_BYTES;
        private boolean rejectTombstones;

        private Builder(List<CmkRef> accepted) {
            if (accepted.isEmpty() || Set.copyOf(accepted).size() != accepted.size()) {
                throw new IllegalArgumentException("a rule accepts at least one CMK, and each once");
            }
            this.accepted = accepted;
        }

        /** Whether wrappings that anyone with the CMK's public key can make are tried. Default: false. */
        public Builder acceptPublicKeySealing(boolean accept) {
            acceptPublicKeySealing = accept;
            return this;
        }

        /** Whether the record key must be bound. Default: true. */
        public Builder requireBoundKey(boolean require) {
            requireBoundKey = require;
            return this;
        }

        /** Names of record headers that must be bound. Default: none. */
        public Builder requireHeaders(Collection<String> names) {
            requiredHeaders = names;
            return this;
        }

        /** Entries that the encryption context must have, with exactly that value. Default: none. */
        public Builder requireContext(Map<String, String> entries) {
            entries.forEach((key, value) -> {
                Alphabet.CONTEXT.require(key, EnvelopeHeader.MAX_CONTEXT_TEXT, "context key");
                Alphabet.CONTEXT.require(value, EnvelopeHeader.MAX_CONTEXT_TEXT, "context value");
            });
            requiredContext = entries;
            return this;
        }

        /** Numbers of the allowed suites. Default: 1, the only suite. */
        public Builder allowSuites(Set<Integer> numbers) {
            allowedSuites = numbers;
            return this;
        }

        /**
         * Accepts another topic: envelopes sealed for {@code topic} open, like those sealed for the topic that is read.
         */
        public Builder originalTopics(String topic) {
            originalTopics.add(Alphabet.TOPIC.require(topic, EnvelopeHeader.MAX_TOPIC, "topic"));
            return this;
        }

        /** Accepts all topics that begin with {@code prefix}, which is not empty. */
        public Builder originalPrefix(String prefix) {
            originalPrefixes.add(Alphabet.TOPIC.require(prefix, EnvelopeHeader.MAX_TOPIC, "topic prefix"));
            return this;
        }

        /** The largest result of a decompression, in bytes; uncompressed values have no limit. Default: 16,777,216. */
        public Builder maxDecompressedBytes(int bytes) {
            if (bytes < 0) {
                throw new IllegalArgumentException("maxDecompressedBytes is negative");
            }
            maxDecompressedBytes = bytes;
            return this;
        }

        /** Whether values that are null are rejected. Default: false. A Kafka deserializer never sees them. */
        public Builder rejectTombstones(boolean reject) {
            rejectTombstones = reject;
            return this;
        }

        public ReadRule build() {
            return new ReadRule(this);
        }
    }
}
