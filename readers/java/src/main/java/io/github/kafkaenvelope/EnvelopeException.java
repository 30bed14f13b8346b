package io.github.kafkaenvelope;

import java.util.Objects;

/**
 * The one exception of this library about a record, a key management service or a keyring.
 *
 * <p>Neither the message nor the cause of an exception made by this library contains key bytes, plaintext or record
 * content.
 *
 * <p>Source: docs/format.md, section 14.
 */
public final class EnvelopeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String code;
    private final Kind kind;

    /**
     * For implementations of {@link Unwrapper} that report a failure of their KMS.
     *
     * @param code stable, {@code [A-Z0-9_]+}
     * @param kind for a failing KMS {@link Kind#TRANSIENT} or {@link Kind#UNREADABLE}
     * @param message without key bytes, plaintext or record content
     * @param cause may be null; its message must keep the same rule
     * @throws IllegalArgumentException if the code is an {@link ErrorCode} of another kind
     */
    public EnvelopeException(String code, Kind kind, String message, Throwable cause) {
        super(code + ": " + message, cause);
        this.code = Objects.requireNonNull(code, "code");
        this.kind = Objects.requireNonNull(kind, "kind");
        if (ErrorCode.kindOf(code).orElse(kind) != kind) {
            throw new IllegalArgumentException("the code " + code + " is of another kind");
        }
    }

    /** The stable code: a name of {@link ErrorCode}, or a code of a KMS. */
    public String code() {
        return code;
    }

    /** What a consumer may do about it. */
    public Kind kind() {
        return kind;
    }
}
