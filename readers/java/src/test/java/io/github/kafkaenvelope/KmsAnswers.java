package io.github.kafkaenvelope;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;

/** A table of {@code test/vectors/kms-answers}: what answers of a KMS mean. All languages agree on it. */
record KmsAnswers(JsonNode table) {
    private static final ObjectMapper JSON = new ObjectMapper();

    static KmsAnswers read(String file) throws IOException {
        return new KmsAnswers(JSON.readTree(Files.readAllBytes(Path.of("../../test/vectors/kms-answers", file))));
    }

    String text(String member) {
        return table.path(member).textValue();
    }

    List<Answer> answers() {
        List<Answer> answers = new ArrayList<>();
        for (JsonNode row : table.path("answers")) {
            String body = row.has("json") ? row.get("json").toString() : row.get("text").textValue();
            String stated = row.get("code").isNull()
                    ? text("dek")
                    : row.get("code").textValue() + ' ' + row.get("kind").textValue();
            answers.add(new Answer(row.path("to").asText(), row.get("status").intValue(), body, stated));
        }
        return answers;
    }

    /** {@code to} is empty where a KMS has one call. {@code stated} is the DEK in hex, or a code and its kind. */
    record Answer(String to, int status, String body, String stated) {
        void assertIsMeaningOf(Supplier<byte[]> unwrap) {
            assertEquals(stated, outcome(unwrap));
        }

        private static String outcome(Supplier<byte[]> unwrap) {
            try {
                return HexFormat.of().formatHex(unwrap.get());
            } catch (EnvelopeException e) {
                assertFalse(e.getMessage().contains("hunter2"));
                assertNull(e.getCause());
                return e.code() + ' ' + e.kind().name().toLowerCase(Locale.ROOT);
            }
        }
    }
}
