package io.github.kafkaenvelope;

import java.util.Optional;
import java.util.stream.Stream;

/**
 * The codes of the format, each with its kind. {@link EnvelopeException#code()} is the name. An {@link Unwrapper} may give
 * codes of its own beside those that begin with {@code KMS_} and {@code CMK_}.
 *
 * <p>Source: docs/format.md, sections 13, 14 and 21.
 */
public enum ErrorCode {
    TOMBSTONE_REJECTED(Kind.INVALID),
    NOT_SEALED(Kind.INVALID),
    MALFORMED(Kind.INVALID),
    UNKNOWN_FORMAT(Kind.UNREADABLE),
    UNKNOWN_SUITE(Kind.UNREADABLE),
    SUITE_NOT_ALLOWED(Kind.INVALID),
    UNKNOWN_COMPRESSION(Kind.UNREADABLE),
    DICTIONARY_UNKNOWN(Kind.UNREADABLE),
    WRONG_TOPIC(Kind.INVALID),
    REQUIREMENT_UNMET(Kind.INVALID),
    NO_CANDIDATE(Kind.UNREADABLE),
    UNWRAP_FAILED(Kind.INVALID),
    COMMITMENT_MISMATCH(Kind.INVALID),
    AUTHENTICATION_FAILED(Kind.INVALID),
    DECOMPRESSION_FAILED(Kind.INVALID),
    TOO_LARGE(Kind.INVALID),
    /** The CMK, or the requested version of it, is not in the keyring or key set. */
    CMK_NOT_FOUND(Kind.UNREADABLE),
    /** The CMK exists, but is disabled. */
    CMK_DISABLED(Kind.UNREADABLE),
    /** The CMK has no private key. */
    CMK_UNUSABLE(Kind.UNREADABLE),
    /** This reader may not use the CMK. */
    KMS_DENIED(Kind.UNREADABLE),
    /** The KMS refuses the call for another reason; repeating it does not help. */
    KMS_REFUSED(Kind.UNREADABLE),
    /** The KMS does not answer, or an {@link Unwrapper} failed in a way that has no code. */
    KMS_UNAVAILABLE(Kind.TRANSIENT),
    KMS_THROTTLED(Kind.TRANSIENT),
    KMS_TIMEOUT(Kind.TRANSIENT),
    /** The reader's own limit on calls to a KMS. */
    KMS_RATE_LIMITED(Kind.TRANSIENT),
    /** No rule for the topic that is read. */
    TOPIC_NOT_CONFIGURED(Kind.UNREADABLE),
    /** A keyring file that cannot be read, that others can read, or that does not have the form of section 21. */
    KEYRING_INVALID(Kind.UNREADABLE);

    private final Kind kind;

    ErrorCode(Kind kind) {
        this.kind = kind;
    }

    /** What a consumer may do about it. */
    public Kind kind() {
        return kind;
    }

    /** The kind of a code, if it is one of these. */
    static Optional<Kind> kindOf(String code) {
        return Stream.of(values()).filter(known -> known.name().equals(code)).map(ErrorCode::kind).findFirst();
    }

    EnvelopeException error(String message) {
        return new EnvelopeException(name(), kind, message, null);
    }
}
