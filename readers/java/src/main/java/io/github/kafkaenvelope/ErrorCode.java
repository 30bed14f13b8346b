package io.github.kafkaenvelope;

/**
 * The codes that this library itself gives, each with its kind. {@link EnvelopeException#code()} is the name.
 *
 * <p>Source: docs/format.md, sections 13 and 21. The codes below the last comment are of this implementation.
 */
public enum ErrorCode {
    TOMBSTONE_REJECTED(Kind.INVALID),
    NOT_SEALED(Kind.INVALID),
    MALFORMED(Kind.INVALID),
    UNKNOWN_FORMAT(Kind.UNREADABLE),
    UNKNOWN_SUITE(Kind.UNREADABLE),
    SUITE_NOT_ALLOWED(Kind.INVALID),
    UNKNOWN_COMPRESSION(Kind.UNREADABLE),
    WRONG_TOPIC(Kind.INVALID),
    REQUIREMENT_UNMET(Kind.INVALID),
    NO_CANDIDATE(Kind.UNREADABLE),
    UNWRAP_FAILED(Kind.INVALID),
    COMMITMENT_MISMATCH(Kind.INVALID),
    AUTHENTICATION_FAILED(Kind.INVALID),
    DECOMPRESSION_FAILED(Kind.INVALID),
    TOO_LARGE(Kind.INVALID),
    /** The CMK, or the version of it that is asked for, is not in the keyring or key set. */
    CMK_NOT_FOUND(Kind.UNREADABLE),
    /** The CMK is there and disabled. */
    CMK_DISABLED(Kind.UNREADABLE),
    /** The CMK has no private key. */
    CMK_UNUSABLE(Kind.UNREADABLE),

    // Not in the format.
    /** No rule for the topic that is read. */
    NO_RULE(Kind.UNREADABLE),
    /** An {@link Unwrapper} threw something other than {@link EnvelopeException}. */
    KMS_FAILED(Kind.UNREADABLE),
    /** A keyring file that cannot be read, is readable for others, or is not of the form of section 21. */
    KEYRING_INVALID(Kind.UNREADABLE);

    private final Kind kind;

    ErrorCode(Kind kind) {
        this.kind = kind;
    }

    /** What a consumer may do about it. */
    public Kind kind() {
        return kind;
    }

    EnvelopeException error(String message) {
        return new EnvelopeException(name(), kind, message, null);
    }
}
