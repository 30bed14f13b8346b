package io.github.kafkaenvelope;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The failures of the candidates of one envelope, in order.
 *
 * <p>Source: docs/format.md, section 13, steps 9 and 10.
 */
final class Failures {
    private static final int MAX_INVALID = 2;

    private final List<EnvelopeException> failures = new ArrayList<>();

    void add(EnvelopeException failure) {
        failures.add(failure);
    }

    /** Whether no further candidate may be tried. */
    boolean areEnough() {
        return failures.stream().filter(f -> f.kind() == Kind.INVALID).count() == MAX_INVALID;
    }

    /** The first invalid one, since no intact envelope causes it; else the first transient one, else the first. */
    EnvelopeException decisive() {
        return first(Kind.INVALID).or(() -> first(Kind.TRANSIENT)).orElseGet(() -> failures.get(0));
    }

    private Optional<EnvelopeException> first(Kind kind) {
        return failures.stream().filter(f -> f.kind() == kind).findFirst();
    }
}
