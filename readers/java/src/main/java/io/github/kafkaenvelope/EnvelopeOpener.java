package io.github.kafkaenvelope;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Opens envelopes: from the value of a Kafka record, its topic, key and headers to the plaintext. Safe for use by several
 * threads; unwrapped keys are cached in memory, so one instance should serve a whole process.
 *
 * <p>kafka-clients is needed only for {@link #open(ConsumerRecord)} and the deserializers.
 *
 * <p>Source: docs/format.md, section 13.
 */
public final class EnvelopeOpener {
    private static final int DEFAULT_CACHED_KEYS = 1024;
    static final Duration DEFAULT_CACHED_KEYS_MAX_AGE = Duration.ofHours(1);

    private final Map<String, ReadRule> rules;
    private final ReadRule otherTopics;
    private final ContentKeys contentKeys;
    private final Dictionaries dictionaries;

    private EnvelopeOpener(Builder builder) {
        rules = Map.copyOf(builder.rules);
        otherTopics = builder.otherTopics;
        dictionaries = new Dictionaries(builder.dictionaries);
        contentKeys = new ContentKeys(builder.unwrappers, builder.cachedKeys, builder.cachedKeysMaxAge, builder.nanoTime);
    }

    public static Builder builder() {
        return new Builder();
    }

    /**
     * Opens the value of a record.
     *
     * @return the plaintext; null only for a null value that the rule does not reject
     * @throws EnvelopeException the first failing check of section 13, or {@code TOPIC_NOT_CONFIGURED}
     */
    public byte[] open(ConsumerRecord<byte[], byte[]> record) {
        return open(record.topic(), record.key(), HeaderEntry.listOf(record.headers()), record.value());
    }

    /**
     * Opens a value.
     *
     * @param topic the topic that is read
     * @param key the record's key, unchanged; may be null, which is not the same as empty
     * @param headers all headers of the record in its order
     * @param value the record's value, unchanged; may be null; is not modified
     * @return the plaintext; null only for a null value that the rule does not reject
     * @throws EnvelopeException the first failing check of section 13, or {@code TOPIC_NOT_CONFIGURED}
     */
    public byte[] open(String topic, byte[] key, List<HeaderEntry> headers, byte[] value) {
        ReadRule rule = rules.getOrDefault(topic, otherTopics);
        if (rule == null) {
            throw ErrorCode.TOPIC_NOT_CONFIGURED.error("there is no rule for the topic");
        }
        if (value == null) {
            if (rule.rejectsTombstones()) {
                throw ErrorCode.TOMBSTONE_REJECTED.error("the rule rejects tombstones");
            }
            return null;
        }
        Envelope envelope = Envelope.parse(value);
        EnvelopeHeader header = envelope.header();
        rule.check(topic, header, dictionaries);
        byte[] contentKey = contentKeys.find(rule, envelope);
        byte[] data = AesGcm.decrypt(contentKey, envelope.iv(), Aad.of(header, key, headers), envelope.bodyAndTag())
                .orElseThrow(() -> ErrorCode.AUTHENTICATION_FAILED.error("the tag does not verify"));
        return Compression.decompress(header, dictionaries, data, rule.maxDecompressedBytes());
    }

    /** Collects rules and unwrappers. */
    public static final class Builder {
        private final Map<String, Unwrapper> unwrappers = new HashMap<>();
        private final Map<String, ReadRule> rules = new HashMap<>();
        private final List<byte[]> dictionaries = new ArrayList<>();
        private ReadRule otherTopics;
        private int cachedKeys = DEFAULT_CACHED_KEYS;
        private Duration cachedKeysMaxAge = DEFAULT_CACHED_KEYS_MAX_AGE;
        private LongSupplier nanoTime = System::nanoTime;

        private Builder() {
        }

        /** Says how to unwrap for one provider. */
        public Builder unwrapper(String provider, Unwrapper unwrapper) {
            unwrappers.put(provider, Objects.requireNonNull(unwrapper, "unwrapper"));
            return this;
        }

        /** Unwraps for the providers {@code local} and {@code local/rsa-oaep-sha256} with the CMKs of a keyring. */
        public Builder keyring(Keyring keyring) {
            return unwrapper(Keyring.LOCAL, keyring.local()).unwrapper(Keyring.LOCAL_RSA, keyring.localRsa());
        }

        /**
         * Adds a dictionary that values may be compressed with, under any rule. A reader keeps those of all records that it
         * may read, and needs a new one before writers use it.
         *
         * @param dictionary 1 to 32,768 bytes; otherwise {@link #build} fails
         */
        public Builder dictionary(byte[] dictionary) {
            dictionaries.add(dictionary.clone());
            return this;
        }

        /** The rule for one topic. */
        public Builder rule(String topic, ReadRule rule) {
            rules.put(topic, Objects.requireNonNull(rule, "rule"));
            return this;
        }

        /**
         * The rule for all topics that have no rule of their own. Without it, reading such a topic fails with {@code
         * TOPIC_NOT_CONFIGURED}.
         */
        public Builder ruleForOtherTopics(ReadRule rule) {
            otherTopics = Objects.requireNonNull(rule, "rule");
            return this;
        }

        /** How many DEKs, and how many content keys, are kept in memory. Default: 1,024 each; 0 keeps none. */
        public Builder cachedKeys(int entries) {
            if (entries < 0) {
                throw new IllegalArgumentException("cachedKeys is negative");
            }
            cachedKeys = entries;
            return this;
        }

        /**
         * How long a key may be kept after it was unwrapped. For that time, records still open after their CMK was
         * disabled. Default: 1 hour; zero keeps none.
         */
        public Builder cachedKeysMaxAge(Duration maxAge) {
            if (maxAge.isNegative() || maxAge.compareTo(Duration.ofNanos(Long.MAX_VALUE)) > 0) {
                throw new IllegalArgumentException("cachedKeysMaxAge is negative or endless");
            }
            cachedKeysMaxAge = maxAge;
            return this;
        }

        /** For tests. */
        Builder nanoTime(LongSupplier clock) {
            nanoTime = clock;
            return this;
        }

        /**
         * @throws IllegalArgumentException if there is no rule, one accepts a provider that has no unwrapper, or a dictionary
         *     does not have 1 to 32,768 bytes
         */
        public EnvelopeOpener build() {
            if (rules.isEmpty() && otherTopics == null) {
                throw new IllegalArgumentException("there is no rule");
            }
            rules.values().forEach(this::requireUnwrappers);
            if (otherTopics != null) {
                requireUnwrappers(otherTopics);
            }
            return new EnvelopeOpener(this);
        }

        private void requireUnwrappers(ReadRule rule) {
            for (CmkRef cmk : rule.accepted()) {
                if (!unwrappers.containsKey(cmk.provider())) {
                    throw new IllegalArgumentException("there is no unwrapper for the provider " + cmk.provider());
                }
            }
        }
    }
}
