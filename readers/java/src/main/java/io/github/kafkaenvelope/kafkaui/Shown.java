package io.github.kafkaenvelope.kafkaui;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.kafbat.ui.serde.api.DeserializeResult.Type;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Optional;

/**
 * Bytes as kafka-ui shows them: as text, or in hex after {@code 0x} if they are not UTF-8.
 *
 * @param type JSON for an object or a list
 */
record Shown(String text, Type type) {
    private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    static Shown of(byte[] bytes) {
        return utf8(bytes).map(text -> new Shown(text, typeOf(text))).orElseGet(() -> new Shown(hex(bytes), Type.STRING));
    }

    /** In quotation marks unless in hex, so that no key looks like null. */
    static String quoted(byte[] key) {
        return key == null ? "null" : utf8(key).map(Shown::quote).orElseGet(() -> hex(key));
    }

    private static String quote(String text) {
        try {
            return JSON.writeValueAsString(text);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Type typeOf(String text) {
        try {
            JsonNode node = JSON.readTree(text);
            return node.isContainerNode() ? Type.JSON : Type.STRING;
        } catch (IOException e) {
            return Type.STRING;
        }
    }

    private static Optional<String> utf8(byte[] bytes) {
        try {
            return Optional.of(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
        } catch (CharacterCodingException e) {
            return Optional.empty();
        }
    }

    private static String hex(byte[] bytes) {
        return "0x" + HexFormat.of().formatHex(bytes);
    }
}
