package io.github.kafkaenvelope;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.StreamSupport;

/**
 * A test vector with a keyring and a rule.
 *
 * <p>Source: docs/format.md, section 17.
 *
 * @param key may be null
 * @param envelope null for a tombstone
 */
record RuleVector(String name, Keyring keyring, ReadRule rule, String topic, byte[] key, List<HeaderEntry> headers,
                  byte[] envelope, String plaintext, String error) implements TestVector {
    private static final Set<String> MEMBERS =
            Set.of("name", "keyring", "rule", "topic", "key", "headers", "envelope", "plaintext", "error");
    private static final Set<String> RULE =
            Set.of("cmks", "acceptPublicKeySealing", "originalTopics", "require", "tombstones", "maxDecompressedBytes");
    private static final Set<String> REQUIRE = Set.of("keyBound", "headers", "context");

    static RuleVector of(JsonNode node) throws IOException {
        VectorFile.requireMembers(node, MEMBERS);
        return new RuleVector(node.get("name").textValue(),
                Keyring.parse(node.get("keyring").toString().getBytes(StandardCharsets.UTF_8)), rule(node.get("rule")),
                node.get("topic").textValue(), VectorFile.bytes(node.get("key")), VectorFile.headers(node.get("headers")),
                VectorFile.bytes(node.get("envelope")), node.get("plaintext").textValue(), node.get("error").textValue());
    }

    @Override
    public byte[] open() {
        return EnvelopeOpener.builder().keyring(keyring).rule(topic, rule).build().open(topic, key, headers, envelope);
    }

    private static ReadRule rule(JsonNode node) throws IOException {
        VectorFile.requireMembers(node, RULE);
        JsonNode require = node.get("require");
        VectorFile.requireMembers(require, REQUIRE);
        List<CmkRef> cmks = new ArrayList<>();
        node.get("cmks").forEach(pair -> cmks.add(new CmkRef(pair.get(0).textValue(), pair.get(1).textValue())));
        Map<String, String> context = new LinkedHashMap<>();
        require.get("context").properties().forEach(entry -> context.put(entry.getKey(), entry.getValue().textValue()));
        ReadRule.Builder rule = ReadRule.accepting(cmks)
                .acceptPublicKeySealing(bool(node.get("acceptPublicKeySealing")))
                .requireBoundKey(bool(require.get("keyBound")))
                .requireHeaders(texts(require.get("headers")))
                .requireContext(context)
                .maxDecompressedBytes(node.get("maxDecompressedBytes").intValue())
                .rejectTombstones(rejects(node.get("tombstones").textValue()));
        for (String topic : texts(node.get("originalTopics"))) {
            if (topic.endsWith("*")) {
                rule.originalPrefix(topic.substring(0, topic.length() - 1));
            } else {
                rule.originalTopics(topic);
            }
        }
        return rule.build();
    }

    private static boolean rejects(String tombstones) throws IOException {
        return switch (tombstones) {
            case "reject" -> true;
            case "pass" -> false;
            default -> throw new IOException("not a rule vector: tombstones");
        };
    }

    private static boolean bool(JsonNode node) throws IOException {
        if (!node.isBoolean()) {
            throw new IOException("not a rule vector: neither true nor false");
        }
        return node.booleanValue();
    }

    private static List<String> texts(JsonNode node) {
        return StreamSupport.stream(node.spliterator(), false).map(JsonNode::textValue).toList();
    }
}
