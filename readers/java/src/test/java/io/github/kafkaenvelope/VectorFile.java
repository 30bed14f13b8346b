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
import java.util.Set;
import java.util.stream.Stream;

/**
 * Files of test vectors, of which those with a member {@code keyring} are rule vectors.
 *
 * <p>Source: docs/format.md, section 17.
 */
public final class VectorFile {
    private static final Path FOLDER = Path.of("../../test/vectors");
    private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private VectorFile() {
    }

    /** All files of the repository. */
    static List<Path> all() throws IOException {
        List<Path> all = new ArrayList<>();
        for (Path folder : List.of(FOLDER, FOLDER.resolve("rules"))) {
            try (Stream<Path> files = Files.list(folder)) {
                files.filter(f -> f.toString().endsWith(".json")).sorted().forEach(all::add);
            }
        }
        return all;
    }

    /** @throws IOException if the file is not one of vectors */
    public static List<TestVector> read(Path file) throws IOException {
        JsonNode root = JSON.readTree(Files.readAllBytes(file));
        if (!root.isArray()) {
            throw new IOException("not a vector file: no array");
        }
        List<TestVector> vectors = new ArrayList<>();
        for (JsonNode node : root) {
            vectors.add(node.has("keyring") ? RuleVector.of(node) : Vector.of(node));
        }
        return vectors;
    }

    static void requireMembers(JsonNode node, Set<String> members) throws IOException {
        Set<String> names = new LinkedHashSet<>();
        node.fieldNames().forEachRemaining(names::add);
        if (!names.equals(members)) {
            throw new IOException("not a test vector: members " + names);
        }
    }

    static List<HeaderEntry> headers(JsonNode node) {
        List<HeaderEntry> headers = new ArrayList<>();
        node.forEach(h -> headers.add(new HeaderEntry(h.get(0).textValue(), bytes(h.get(1)))));
        return headers;
    }

    /** Null for null. */
    static byte[] bytes(JsonNode hex) {
        return hex.isNull() ? null : HexFormat.of().parseHex(hex.textValue());
    }
}
