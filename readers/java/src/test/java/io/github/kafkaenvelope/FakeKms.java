package io.github.kafkaenvelope;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;

/** A KMS whose answer is set for each CMK and which records its calls. */
final class FakeKms implements Unwrapper {
    final List<String> calls = new ArrayList<>();
    private final Map<String, Supplier<byte[]>> answers = new HashMap<>();
    private final boolean asymmetric;
    private boolean replicas;

    FakeKms(boolean asymmetric) {
        this.asymmetric = asymmetric;
    }

    FakeKms answers(String cmkId, Supplier<byte[]> answer) {
        answers.put(cmkId, answer);
        return this;
    }

    FakeKms withReplicas() {
        replicas = true;
        return this;
    }

    FakeKms fails(String cmkId, String code, Kind kind) {
        return answers(cmkId, () -> {
            throw new EnvelopeException(code, kind, "as set by the test", null);
        });
    }

    @Override
    public boolean asymmetric() {
        return asymmetric;
    }

    /** {@code b} unwraps for {@code B}, and so on. */
    @Override
    public boolean unwrapsFor(String cmkId, String otherCmkId) {
        return cmkId.toUpperCase(Locale.ROOT).equals(otherCmkId) && replicas;
    }

    @Override
    public byte[] unwrap(String cmkId, byte[] ciphertextDek, String canonicalContext) {
        calls.add(cmkId);
        return answers.get(cmkId).get();
    }
}
