package io.github.kafkaenvelope;

/**
 * The meaning of a failure for the consumer that met it.
 *
 * <p>Source: docs/format.md, section 14.
 */
public enum Kind {
    /** The KMS is unavailable, throttled or timed out, or its budget is spent: wait and retry. */
    TRANSIENT,
    /** This reader cannot open the record, but another or a later one might: stop or dead-letter, never skip. */
    UNREADABLE,
    /** The record breaks the rule: stop, skip or dead-letter. */
    INVALID
}
