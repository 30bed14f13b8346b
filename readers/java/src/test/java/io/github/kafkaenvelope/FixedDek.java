package io.github.kafkaenvelope;

import java.util.concurrent.atomic.AtomicInteger;

/** A KMS that unwraps everything to one DEK and counts its calls. */
final class FixedDek implements Unwrapper {
    final AtomicInteger calls = new AtomicInteger();
    private final byte[] dek;

    FixedDek(byte[] dek) {
        this.dek = dek;
    }

    @Override
    public boolean asymmetric() {
        return false;
    }

    @Override
    public byte[] unwrap(String cmkId, byte[] ciphertextDek, String canonicalContext) {
        calls.incrementAndGet();
        return dek;
    }
}
