package io.github.kafkaenvelope;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.zip.Deflater;

/**
 * Values sealed with dictionaries, for readers in other languages, as a file of vectors.
 *
 * <p>Source: docs/format.md, sections 11 and 17.
 */
public final class Written {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int LEVELS = 10;
    private static final int[] STRATEGIES = {Deflater.DEFAULT_STRATEGY, Deflater.FILTERED, Deflater.HUFFMAN_ONLY};

    private Written() {
    }

    /**
     * Writes a vector for each plaintext; they take turns with the levels and strategies of zlib.
     *
     * @param cases JSON: a list of objects with a {@code name}, a {@code dictionary} and a list of {@code plaintexts}, in hex
     */
    public static void write(Path cases, Path out) throws IOException {
        ArrayNode vectors = JSON.createArrayNode();
        for (JsonNode one : JSON.readTree(cases.toFile())) {
            int index = 0;
            for (JsonNode plaintext : one.get("plaintexts")) {
                vectors.add(vector(one.get("name").textValue(), index++, one.get("dictionary").textValue(), plaintext.textValue()));
            }
        }
        Files.write(out, JSON.writeValueAsBytes(vectors));
    }

    private static ObjectNode vector(String name, int index, String dictionary, String plaintext) {
        Sealer sealer = new Sealer();
        sealer.compression = 3;
        sealer.dictionary = HexFormat.of().parseHex(dictionary);
        sealer.plaintext = HexFormat.of().parseHex(plaintext);
        sealer.level = index % LEVELS;
        sealer.strategy = STRATEGIES[index / LEVELS % STRATEGIES.length];
        ObjectNode vector = JSON.createObjectNode();
        vector.put("name", name + '/' + index).put("dek", hex(sealer.dek));
        vector.putArray("dictionaries").add(dictionary);
        vector.put("topic", sealer.topic).put("key", hex(sealer.key));
        vector.putArray("headers");
        return vector.put("envelope", hex(sealer.seal())).put("plaintext", plaintext).putNull("error");
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }
}
