package io.github.kafkaenvelope;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/** What answers of Vault that are not a success mean for a record. */
final class VaultTransitFailures {
    private static final int TOO_MANY_REQUESTS = 429;

    /** The first row that matches counts. */
    private static final List<Row> ROWS = List.of(
            new Row(Call.ANY, 400, "encryption key not found", ErrorCode.CMK_NOT_FOUND),
            new Row(Call.ANY, 404, "no handler for route", ErrorCode.CMK_NOT_FOUND),
            new Row(Call.KEY, 404, "", ErrorCode.CMK_NOT_FOUND),
            new Row(Call.ANY, 400, "soft-deleted key", ErrorCode.CMK_DISABLED),
            new Row(Call.ANY, 400, "disallowed by policy (too old)", ErrorCode.CMK_DISABLED),
            new Row(Call.DECRYPT, 400, "version is too new", ErrorCode.CMK_NOT_FOUND),
            new Row(Call.ANY, 400, "not supported for key type", ErrorCode.CMK_UNUSABLE),
            new Row(Call.DECRYPT, 400, "message authentication failed", ErrorCode.UNWRAP_FAILED),
            new Row(Call.DECRYPT, 400, "invalid ciphertext", ErrorCode.UNWRAP_FAILED),
            new Row(Call.ANY, 400, "missing 'context'", ErrorCode.KMS_REFUSED),
            new Row(Call.ANY, 403, "", ErrorCode.KMS_DENIED),
            new Row(Call.ANY, 405, "", ErrorCode.KMS_REFUSED),
            new Row(Call.ANY, TOO_MANY_REQUESTS, "", ErrorCode.KMS_THROTTLED));

    private VaultTransitFailures() {
    }

    /** The calls that the reader makes; {@code ANY} in a row stands for both. */
    enum Call { KEY, DECRYPT, ANY }

    /**
     * Its texts are compared, and never repeated. Only Vault itself says {@code errors}. An answer that is unknown, or comes
     * from something else, is not taken for a refusal.
     */
    static ErrorCode meaning(Call call, int status, JsonNode errors) {
        if (!errors.isArray() || !texts(errors).allMatch(JsonNode::isTextual)) {
            return status == TOO_MANY_REQUESTS ? ErrorCode.KMS_THROTTLED : ErrorCode.KMS_UNAVAILABLE;
        }
        return ROWS.stream()
                .filter(row -> row.matches(call, status, errors))
                .findFirst()
                .map(Row::code)
                .orElse(ErrorCode.KMS_UNAVAILABLE);
    }

    private static Stream<JsonNode> texts(JsonNode errors) {
        return StreamSupport.stream(errors.spliterator(), false);
    }

    /** {@code says} is part of one of the texts; if it is empty, the row is for any, or none. */
    private record Row(Call to, int status, String says, ErrorCode code) {
        boolean matches(Call call, int answered, JsonNode errors) {
            return status == answered && (to == Call.ANY || to == call)
                    && (says.isEmpty() || texts(errors).anyMatch(text -> text.textValue().contains(says)));
        }
    }
}
