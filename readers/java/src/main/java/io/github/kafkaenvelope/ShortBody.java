package io.github.kafkaenvelope;

import java.io.IOException;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.BodySubscribers;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;

/** The body of an answer, which fails as soon as it is longer than allowed: it might take all memory otherwise. */
final class ShortBody implements BodySubscriber<byte[]> {
    private final BodySubscriber<byte[]> whole = BodySubscribers.ofByteArray();
    private Flow.Subscription subscription;
    private long rest;

    private ShortBody(long atMost) {
        rest = atMost;
    }

    static BodyHandler<byte[]> of(long atMost) {
        return info -> new ShortBody(atMost);
    }

    @Override
    public CompletionStage<byte[]> getBody() {
        return whole.getBody();
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        subscription = given;
        whole.onSubscribe(given);
    }

    @Override
    public void onNext(List<ByteBuffer> buffers) {
        rest -= buffers.stream().mapToLong(ByteBuffer::remaining).sum();
        if (rest >= 0) {
            whole.onNext(buffers);
            return;
        }
        subscription.cancel();
        whole.onError(new IOException("the answer is too long"));
    }

    @Override
    public void onError(Throwable failure) {
        whole.onError(failure);
    }

    @Override
    public void onComplete() {
        whole.onComplete();
    }
}
