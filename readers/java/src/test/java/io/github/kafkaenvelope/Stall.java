package io.github.kafkaenvelope;

import java.util.concurrent.CountDownLatch;

/** Holds the handlers of a test server until the test ends. */
final class Stall {
    private final CountDownLatch ended = new CountDownLatch(1);

    void hold() {
        try {
            ended.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    void end() {
        ended.countDown();
    }
}
