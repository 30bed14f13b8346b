package io.github.kafkaenvelope;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * The consumer properties of {@link EnvelopeKeyDeserializer} and {@link EnvelopeValueDeserializer}, and of the viewers
 * of topics: the KMS services, and one rule for all topics. For rules that differ by topic, or for other KMS services, use
 * {@link EnvelopeDeserializers}.
 */
public final class EnvelopeDeserializerConfig extends AbstractConfig {
    /** Class of the deserializer that gets the key's bytes. Default: {@link ByteArrayDeserializer}. */
    public static final String KEY_DESERIALIZER = "envelope.key.deserializer";
    /** Class of the deserializer that gets the plaintext. Default: {@link ByteArrayDeserializer}. */
    public static final String VALUE_DESERIALIZER = "envelope.value.deserializer";
    /** Path of a keyring file, for the providers {@code local} and {@code local/rsa-oaep-sha256}. Default: none. */
    public static final String KEYRING_FILE = "envelope.keyring.file";
    /** Accepted CMKs in order of preference, {@code provider:cmkId} separated by white space. Required. */
    public static final String ACCEPT = "envelope.accept";
    /** See {@link ReadRule.Builder#acceptPublicKeySealing}. Default: false. */
    public static final String ACCEPT_PUBLIC_KEY_SEALING = "envelope.accept.public.key.sealing";
    /** See {@link ReadRule.Builder#requireBoundKey}. Default: true. */
    public static final String REQUIRE_BOUND_KEY = "envelope.require.bound.key";
    /** Names separated by commas; see {@link ReadRule.Builder#requireHeaders}. Default: none. */
    public static final String REQUIRE_HEADERS = "envelope.require.headers";
    /** {@code key=value} separated by white space; see {@link ReadRule.Builder#requireContext}. Default: none. */
    public static final String REQUIRE_CONTEXT = "envelope.require.context";
    /** Topics separated by white space, a prefix written as {@code prefix*}; see {@link ReadRule.Builder#originalTopics}. Default: none. */
    public static final String ORIGINAL_TOPICS = "envelope.original.topics";
    /** See {@link ReadRule.Builder#maxDecompressedBytes}. Default: 16,777,216. */
    public static final String MAX_DECOMPRESSED_BYTES = "envelope.max.decompressed.bytes";

    /** Paths of dictionaries separated by commas; see {@link EnvelopeOpener.Builder#dictionary}. Default: none. */
    public static final String DICTIONARY_FILES = "envelope.dictionary.files";
    /** Milliseconds; see {@link EnvelopeOpener.Builder#cachedKeysMaxAge}. Default: 3,600,000. */
    public static final String CACHED_KEYS_MAX_AGE_MS = "envelope.cached.keys.max.age.ms";

    /**
     * Regions separated by commas, for the providers {@code aws-kms} and {@code aws-kms/rsa-oaep-sha256}, with the
     * credentials that the AWS SDK finds. Default: none.
     */
    public static final String AWS_REGIONS = "envelope.aws.regions";
    /** For the provider {@code vault-transit}, such as {@code https://vault.example.com:8200}. Default: none. */
    public static final String VAULT_ADDRESS = "envelope.vault.address";
    /** The part of the CMKs' ids before the slash. Required with an address. */
    public static final String VAULT_NAME = "envelope.vault.name";
    /** Where the engine is mounted. Default: {@code transit}. */
    public static final String VAULT_MOUNT = "envelope.vault.mount";
    /** A namespace of OpenBao, Vault Enterprise or HCP Vault. Default: none. */
    public static final String VAULT_NAMESPACE = "envelope.vault.namespace";
    /** Path of a file with a token, read for each request. Default: the environment variable {@code VAULT_TOKEN}. */
    public static final String VAULT_TOKEN_FILE = "envelope.vault.token.file";

    private static final String BYTES = ByteArrayDeserializer.class.getName();
    private static final ConfigDef KEY_DEFINITION = new ConfigDef()
            .define(KEY_DESERIALIZER, Type.CLASS, BYTES, Importance.HIGH, "Class of the deserializer that gets the key's bytes");
    private static final ConfigDef VALUE_DEFINITION = new ConfigDef()
            .define(VALUE_DESERIALIZER, Type.CLASS, BYTES, Importance.HIGH, "Class of the deserializer that gets the plaintext")
            .define(KEYRING_FILE, Type.STRING, null, Importance.HIGH, "Path of a keyring file")
            .define(AWS_REGIONS, Type.LIST, List.of(), Importance.HIGH, "Regions of AWS KMS")
            .define(VAULT_ADDRESS, Type.STRING, null, Importance.HIGH, "Address of Vault or OpenBao")
            .define(VAULT_NAME, Type.STRING, null, Importance.HIGH, "Name of the engine in the ids of CMKs")
            .define(VAULT_MOUNT, Type.STRING, "transit", Importance.MEDIUM, "Where the engine is mounted")
            .define(VAULT_NAMESPACE, Type.STRING, null, Importance.MEDIUM, "Namespace of the engine")
            .define(VAULT_TOKEN_FILE, Type.STRING, null, Importance.HIGH, "Path of a file with a token of Vault")
            .define(ACCEPT, Type.STRING, Importance.HIGH, "Accepted CMKs: provider:cmkId, separated by white space")
            .define(ACCEPT_PUBLIC_KEY_SEALING, Type.BOOLEAN, false, Importance.MEDIUM, "Whether asymmetric wrappings are tried")
            .define(REQUIRE_BOUND_KEY, Type.BOOLEAN, true, Importance.MEDIUM, "Whether the record key must be bound")
            .define(REQUIRE_HEADERS, Type.LIST, List.of(), Importance.MEDIUM, "Headers that must be bound")
            .define(REQUIRE_CONTEXT, Type.STRING, "", Importance.MEDIUM, "Context entries that must be there: key=value")
            .define(ORIGINAL_TOPICS, Type.STRING, "", Importance.MEDIUM, "Topics, or prefixes ending in *, that are mapped")
            .define(MAX_DECOMPRESSED_BYTES, Type.INT, ReadRule.DEFAULT_MAX_DECOMPRESSED_BYTES, ConfigDef.Range.atLeast(0),
                    Importance.LOW, "Limit of decompression")
            .define(DICTIONARY_FILES, Type.LIST, List.of(), Importance.MEDIUM, "Paths of dictionaries of values")
            .define(CACHED_KEYS_MAX_AGE_MS, Type.LONG, EnvelopeOpener.DEFAULT_CACHED_KEYS_MAX_AGE.toMillis(),
                    ConfigDef.Range.atLeast(0), Importance.LOW, "How long a key may be kept after it was unwrapped");

    private EnvelopeDeserializerConfig(ConfigDef definition, Map<String, ?> configs) {
        super(definition, configs, false);
    }

    static <T> Deserializer<T> innerKey(Map<String, ?> configs) {
        return inner(new EnvelopeDeserializerConfig(KEY_DEFINITION, configs), KEY_DESERIALIZER, true);
    }

    static <T> Deserializer<T> innerValue(Map<String, ?> configs) {
        return inner(new EnvelopeDeserializerConfig(VALUE_DEFINITION, configs), VALUE_DESERIALIZER, false);
    }

    /** The properties of which {@link #opener} makes an opener. */
    public static Set<String> openerProperties() {
        Set<String> names = new TreeSet<>(VALUE_DEFINITION.names());
        names.remove(VALUE_DESERIALIZER);
        return names;
    }

    /**
     * Makes an opener with one rule for all topics.
     *
     * @param configs the properties of this class; others are ignored
     * @throws ConfigException if a property is wrong or missing
     * @throws EnvelopeException {@code KEYRING_INVALID}
     */
    public static EnvelopeOpener opener(Map<String, ?> configs) {
        return opener(configs, UnaryOperator.identity());
    }

    /**
     * The same for a viewer of topics, whose user waits for each record: what a KMS denies or refuses, and that it is away, is
     * remembered for five seconds.
     */
    public static EnvelopeOpener viewerOpener(Map<String, ?> configs) {
        return opener(configs, unwrapper -> new RememberedFailures(unwrapper, System::nanoTime));
    }

    private static EnvelopeOpener opener(Map<String, ?> configs, UnaryOperator<Unwrapper> service) {
        EnvelopeDeserializerConfig config = new EnvelopeDeserializerConfig(VALUE_DEFINITION, configs);
        try {
            EnvelopeOpener.Builder opener = EnvelopeOpener.builder().ruleForOtherTopics(config.rule())
                    .cachedKeysMaxAge(Duration.ofMillis(config.getLong(CACHED_KEYS_MAX_AGE_MS)));
            ConfiguredUnwrappers.add(config, opener, service);
            for (String file : config.getList(DICTIONARY_FILES)) {
                opener.dictionary(Files.readAllBytes(Path.of(file)));
            }
            return opener.build();
        } catch (IOException e) {
            throw new ConfigException("A file of " + DICTIONARY_FILES + " cannot be read: " + e.getMessage());
        } catch (IllegalArgumentException e) {
            throw new ConfigException("An envelope.* property is wrong: " + e.getMessage());
        }
    }

    private ReadRule rule() {
        ReadRule.Builder rule = ReadRule.accepting(accepted())
                .acceptPublicKeySealing(getBoolean(ACCEPT_PUBLIC_KEY_SEALING))
                .requireBoundKey(getBoolean(REQUIRE_BOUND_KEY))
                .requireHeaders(getList(REQUIRE_HEADERS))
                .requireContext(requiredContext())
                .maxDecompressedBytes(getInt(MAX_DECOMPRESSED_BYTES));
        for (String topic : words(ORIGINAL_TOPICS)) {
            if (topic.endsWith("*")) {
                rule.originalPrefix(topic.substring(0, topic.length() - 1));
            } else {
                rule.originalTopics(topic);
            }
        }
        return rule.build();
    }

    private List<CmkRef> accepted() {
        List<CmkRef> accepted = new ArrayList<>();
        for (String word : words(ACCEPT)) {
            String[] pair = split(word, ":");
            accepted.add(new CmkRef(pair[0], pair[1]));
        }
        return accepted;
    }

    private Map<String, String> requiredContext() {
        Map<String, String> context = new LinkedHashMap<>();
        for (String word : words(REQUIRE_CONTEXT)) {
            String[] entry = split(word, "=");
            context.put(entry[0], entry[1]);
        }
        return context;
    }

    private List<String> words(String property) {
        String text = getString(property).strip();
        return text.isEmpty() ? List.of() : List.of(text.split("\\s+"));
    }

    private static String[] split(String word, String separator) {
        String[] parts = word.split(separator, 2);
        if (parts.length != 2) {
            throw new IllegalArgumentException("a word has no \"" + separator + '"');
        }
        return parts;
    }

    @SuppressWarnings("unchecked")
    private static <T> Deserializer<T> inner(EnvelopeDeserializerConfig config, String property, boolean isKey) {
        Deserializer<T> inner = config.getConfiguredInstance(property, Deserializer.class);
        inner.configure(config.originals(), isKey);
        return inner;
    }
}
