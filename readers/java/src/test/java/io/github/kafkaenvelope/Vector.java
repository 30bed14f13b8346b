package io.github.kafkaenvelope;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * A test vector whose DEK is given, under a rule that requires nothing but the topic.
 *
 * <p>Source: docs/format.md, section 17.
 *
 * @param key may be null
 */
record Vector(String name, byte[] dek, List<byte[]> dictionaries, String topic, byte[] key, List<HeaderEntry> headers, byte[] envelope,
              String plaintext, String error) implements TestVector {
    private static final int MAX_DECOMPRESSED_BYTES = 1_048_576;
    private static final Set<String> MEMBERS =
            Set.of("name", "dek", "dictionaries", "topic", "key", "headers", "envelope", "plaintext", "error");

    /** All vectors of this kind in the repository. */
    static List<Vector> all() throws IOException {
        List<Vector> all = new ArrayList<>();
        for (Path file : VectorFile.all()) {
            VectorFile.read(file).stream().filter(Vector.class::isInstance).map(Vector.class::cast).forEach(all::add);
        }
        return all;
    }

    static Vector of(JsonNode node) throws IOException {
        VectorFile.requireMembers(node, MEMBERS);
        return new Vector(node.get("name").textValue(), VectorFile.bytes(node.get("dek")), dictionaries(node.get("dictionaries")),
                node.get("topic").textValue(), VectorFile.bytes(node.get("key")), VectorFile.headers(node.get("headers")), VectorFile.bytes(node.get("envelope")),
                node.get("plaintext").textValue(), node.get("error").textValue());
    }

    private static List<byte[]> dictionaries(JsonNode node) {
        List<byte[]> dictionaries = new ArrayList<>();
        node.forEach(hex -> dictionaries.add(VectorFile.bytes(hex)));
        return dictionaries;
    }

    @Override
    public byte[] open() {
        return opener().open(topic, key, headers, envelope);
    }

    /** A reader for which every wrapping is an accepted candidate, whose DEK is that of the vector. */
    EnvelopeOpener opener() {
        List<CmkRef> cmks;
        try {
            cmks = Envelope.parse(envelope).wrappings().stream().map(Wrapping::cmk).toList();
        } catch (EnvelopeException e) {
            cmks = List.of(new CmkRef("local", "none"));
        }
        ReadRule rule = ReadRule.accepting(cmks).acceptPublicKeySealing(true).requireBoundKey(false)
                .maxDecompressedBytes(MAX_DECOMPRESSED_BYTES).build();
        EnvelopeOpener.Builder opener = EnvelopeOpener.builder().ruleForOtherTopics(rule);
        dictionaries.forEach(opener::dictionary);
        cmks.forEach(cmk -> opener.unwrapper(cmk.provider(), new FixedDek(dek)));
        return opener.build();
    }
}
