package io.github.kafkaenvelope;

/**
 * What a failure means for the consumer that met it.
 *
 * <p>Source: docs/format.md, section 14.
 */
public enum Kind {
    /** The KMS is unavailable, throttled or timed out, or its budget is spent: wait and retry. */
    TRANSIENT,
    /** This reader is not able to open the record, another or a later one may be: stop or dead-letter, never skip. */
    UNREADABLE,
    /** The record is wrong by the rule: stop, skip or dead-letter. */
    INVALID
}
