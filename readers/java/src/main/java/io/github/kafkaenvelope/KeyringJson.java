package io.github.kafkaenvelope;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.interfaces.RSAPrivateKey;
import java.security.interfaces.RSAPublicKey;
import java.time.DateTimeException;
import java.time.LocalDateTime;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The JSON of a keyring file. Every fault is {@link ErrorCode#KEYRING_INVALID}; no message contains text of the file,
 * so those of the JSON parser are dropped.
 *
 * <p>Source: docs/format.md, section 21.
 */
final class KeyringJson {
    private static final ObjectMapper JSON = new ObjectMapper()
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    private static final Pattern TIME = Pattern.compile("(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d)(?:\\.\\d+)?Z");
    private static final int AES_KEY = 32;
    private static final long MAX_VERSION = (1L << 32) - 1;

    private KeyringJson() {
    }

    /** CMKs by id, in the order of the file. */
    static Map<String, KeyringCmk> parse(byte[] utf8) {
        JsonNode root = tree(utf8);
        requireMembers(root, Set.of("schemaVersion", "cmks"), Set.of());
        require(integer(root, "schemaVersion") == 1, "schemaVersion is not 1");
        Map<String, KeyringCmk> cmks = new LinkedHashMap<>();
        for (JsonNode cmk : list(root, "cmks")) {
            require(cmk.isObject(), "a CMK is not an object");
            require(cmks.put(id(cmk), cmk(cmk)) == null, "an id occurs twice");
        }
        return cmks;
    }

    private static JsonNode tree(byte[] utf8) {
        try {
            return JSON.readTree(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString());
        } catch (CharacterCodingException e) {
            throw invalid("the file is not UTF-8");
        } catch (JsonProcessingException e) {
            throw invalid("the file is not JSON");
        }
    }

    private static String id(JsonNode cmk) {
        try {
            return Alphabet.CMK_ID.require(text(cmk, "id"), CmkRef.MAX_CMK_ID, "cmkId");
        } catch (IllegalArgumentException e) {
            throw invalid("an id is not of its form");
        }
    }

    private static KeyringCmk cmk(JsonNode cmk) {
        return switch (text(cmk, "type")) {
            case "aes-256" -> aes(cmk);
            case "rsa-oaep-sha256" -> rsa(cmk);
            default -> throw invalid("a type is not known");
        };
    }

    private static KeyringCmk aes(JsonNode cmk) {
        requireMembers(cmk, Set.of("id", "type", "enabled", "versions"), Set.of());
        Map<Long, byte[]> versions = new HashMap<>();
        long last = 0;
        for (JsonNode version : list(cmk, "versions")) {
            requireMembers(version, Set.of("version", "createdAt", "key"), Set.of());
            long number = integer(version, "version");
            require(number > last && number <= MAX_VERSION, "versions are not ascending from 1 to 2^32 - 1");
            requireTime(version);
            versions.put(number, key(version));
            last = number;
        }
        require(!versions.isEmpty(), "a CMK has no version");
        return new KeyringCmk.Aes(enabled(cmk), versions);
    }

    private static KeyringCmk rsa(JsonNode cmk) {
        requireMembers(cmk, Set.of("id", "type", "enabled", "createdAt", "publicKey"), Set.of("privateKey"));
        requireTime(cmk);
        try {
            RSAPublicKey publicKey = RsaPem.publicKey(text(cmk, "publicKey"));
            RSAPrivateKey privateKey = cmk.has("privateKey") ? RsaPem.privateKey(text(cmk, "privateKey")) : null;
            require(privateKey == null || RsaOaep.areAPair(publicKey, privateKey), "the keys are not a pair");
            return new KeyringCmk.Rsa(enabled(cmk), privateKey);
        } catch (IllegalArgumentException e) {
            throw invalid(e.getMessage());
        }
    }

    private static byte[] key(JsonNode version) {
        String base64 = text(version, "key");
        byte[] key;
        try {
            key = Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            throw invalid("a key is not base64");
        }
        require(key.length == AES_KEY && Base64.getEncoder().encodeToString(key).equals(base64), "a key is not 32 bytes in base64");
        return key;
    }

    private static boolean enabled(JsonNode cmk) {
        require(cmk.get("enabled").isBoolean(), "enabled is neither true nor false");
        return cmk.get("enabled").booleanValue();
    }

    private static void requireTime(JsonNode node) {
        String time = text(node, "createdAt");
        Matcher matcher = TIME.matcher(time);
        require(matcher.matches(), "a createdAt is not of its form");
        try {
            LocalDateTime.parse(matcher.group(1));
        } catch (DateTimeException e) {
            throw invalid("a createdAt is no time");
        }
    }

    private static void requireMembers(JsonNode node, Set<String> required, Set<String> optional) {
        require(node.isObject(), "what should be an object is none");
        Set<String> names = new HashSet<>();
        node.fieldNames().forEachRemaining(names::add);
        require(names.containsAll(required), "a member is missing");
        names.removeAll(required);
        require(optional.containsAll(names), "there is a member that does not belong there");
    }

    private static JsonNode list(JsonNode node, String member) {
        require(node.get(member).isArray(), member + " is not a list");
        return node.get(member);
    }

    private static String text(JsonNode node, String member) {
        require(node.path(member).isTextual(), member + " is not a text");
        return node.get(member).textValue();
    }

    private static long integer(JsonNode node, String member) {
        JsonNode number = node.get(member);
        require(number.canConvertToExactIntegral() && number.canConvertToLong(), member + " is not an integer");
        return number.longValue();
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw invalid(message);
        }
    }

    private static EnvelopeException invalid(String message) {
        return ErrorCode.KEYRING_INVALID.error(message);
    }
}
