package io.github.kafkaenvelope;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/**
 * One test vector.
 *
 * <p>Source: docs/format.md, section 17.
 *
 * @param key may be null
 * @param error null if the envelope opens
 * @param plaintext hex, null if the envelope does not open
 */
public record Vector(String name, byte[] dek, String topic, byte[] key, List<HeaderEntry> headers, byte[] envelope,
                     String plaintext, String error) {
    private static final Path FOLDER = Path.of("../../test/vectors");
    private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    private static final Set<String> MEMBERS =
            Set.of("name", "dek", "topic", "key", "headers", "envelope", "plaintext", "error");

    /** All vectors of the repository. */
    static List<Vector> all() throws IOException {
        List<Vector> all = new ArrayList<>();
        for (Path file : files()) {
            all.addAll(read(file));
        }
        return all;
    }

    static List<Path> files() throws IOException {
        try (Stream<Path> files = Files.list(FOLDER)) {
            return files.filter(f -> f.toString().endsWith(".json")).sorted().toList();
        }
    }

    public static List<Vector> read(Path file) throws IOException {
        List<Vector> vectors = new ArrayList<>();
        for (JsonNode node : JSON.readTree(Files.readAllBytes(file))) {
            Set<String> members = new LinkedHashSet<>();
            node.fieldNames().forEachRemaining(members::add);
            if (!members.equals(MEMBERS)) {
                throw new IOException("not a test vector: members " + members);
            }
            vectors.add(of(node));
        }
        return vectors;
    }

    private static Vector of(JsonNode node) {
        List<HeaderEntry> headers = new ArrayList<>();
        node.get("headers").forEach(h -> headers.add(new HeaderEntry(h.get(0).textValue(), bytes(h.get(1)))));
        return new Vector(node.get("name").textValue(), bytes(node.get("dek")), node.get("topic").textValue(),
                bytes(node.get("key")), headers, bytes(node.get("envelope")), node.get("plaintext").textValue(),
                node.get("error").textValue());
    }

    private static byte[] bytes(JsonNode hex) {
        return hex.isNull() ? null : HexFormat.of().parseHex(hex.textValue());
    }

    /** What this reader makes of it: {@code opens: } and the plaintext in lower-case hex, or the code. */
    public String outcome() {
        try {
            return "opens: " + HexFormat.of().formatHex(opener().open(topic, key, headers, envelope));
        } catch (EnvelopeException e) {
            return e.code();
        }
    }

    /** What the vector states, in the form of {@link #outcome()}. */
    public String expected() {
        return error == null ? "opens: " + plaintext.toLowerCase(Locale.ROOT) : error;
    }

    /** A reader for which every wrapping is an accepted candidate, whose DEK is that of the vector. */
    EnvelopeOpener opener() {
        List<CmkRef> cmks;
        try {
            cmks = Envelope.parse(envelope).wrappings().stream().map(Wrapping::cmk).toList();
        } catch (EnvelopeException e) {
            cmks = List.of(new CmkRef("local", "none"));
        }
        ReadRule rule = ReadRule.accepting(cmks).acceptPublicKeySealing(true).requireBoundKey(false).build();
        EnvelopeOpener.Builder opener = EnvelopeOpener.builder().ruleForOtherTopics(rule);
        cmks.forEach(cmk -> opener.unwrapper(cmk.provider(), new FixedDek(dek)));
        return opener.build();
    }
}
