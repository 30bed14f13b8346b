package io.github.kafkaenvelope.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CommandTest {
    private static final String VECTOR = "[{\"name\":\"n\",\"dek\":\"\",\"dictionaries\":[],\"topic\":\"t\",\"key\":null,\"headers\":[],"
            + "\"envelope\":\"\",\"plaintext\":null,\"error\":\"%s\"}]";
    private static final String RULE_VECTOR = "[{\"name\":\"n\",\"keyring\":{\"schemaVersion\":1,\"cmks\":[]},"
            + "\"rule\":{\"cmks\":[[\"local\",\"a\"]],\"acceptPublicKeySealing\":false,\"originalTopics\":[],\"require\":{\"keyBound\":true,"
            + "\"headers\":[],\"context\":{}},\"tombstones\":\"%s\",\"maxDecompressedBytes\":0},\"topic\":\"t\",\"key\":null,"
            + "\"headers\":[],\"envelope\":null,\"plaintext\":null,\"error\":\"%s\"}]";
    @TempDir
    Path folder;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    @Test
    void agreementIsACount() throws IOException {
        assertTrue(run("NOT_SEALED"));
        assertEquals("1 vectors, 0 disagreements\n", out.toString(StandardCharsets.UTF_8));
    }

    @Test
    void aDisagreementIsALine() throws IOException {
        assertFalse(run("MALFORMED"));
        assertTrue(out.toString(StandardCharsets.UTF_8).endsWith(
                ": n: stated MALFORMED, got NOT_SEALED\n1 vectors, 1 disagreements\n"));
    }

    @Test
    void ruleVectorsAreTakenToo() throws IOException {
        assertTrue(runText(RULE_VECTOR.formatted("reject", "TOMBSTONE_REJECTED")));
        assertTrue(runText(RULE_VECTOR.replace("\"%s\"}]", "%s}]").formatted("pass", "null")));
        assertFalse(runText(RULE_VECTOR.formatted("pass", "TOMBSTONE_REJECTED")));
        assertTrue(out.toString(StandardCharsets.UTF_8).endsWith(
                ": n: stated TOMBSTONE_REJECTED, got null\n1 vectors, 1 disagreements\n"));
    }

    @Test
    void whatIsNoVectorIsRefused() {
        for (String text : List.of("{}", "[{}]", "[{\"keyring\":{}}]", RULE_VECTOR.formatted("ignore", "x"))) {
            assertThrows(IOException.class, () -> runText(text));
        }
    }

    private boolean run(String stated) throws IOException {
        return runText(VECTOR.formatted(stated));
    }

    private boolean runText(String json) throws IOException {
        Path file = Files.writeString(folder.resolve("vectors.json"), json);
        return Vectors.run(List.of(file.toString()), new PrintStream(out, true, StandardCharsets.UTF_8));
    }
}
