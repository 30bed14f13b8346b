package io.github.kafkaenvelope;

import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What an envelope says of itself, read without a key. For people who look at records: nothing of it is authenticated
 * until the value has opened, and {@code cmks} is not even then.
 *
 * @param cmks the CMKs under which its DEK is wrapped: 1 to 5
 * @param topic the topic that it was sealed for
 * @param keyBound whether the record key is authenticated
 * @param boundHeaders names of the record headers that are authenticated
 * @param context the encryption context
 * @param sessionId of the sealing session: 16 bytes in lower-case hex
 */
public record EnvelopeInfo(List<CmkRef> cmks, String topic, boolean keyBound, List<String> boundHeaders,
                           Map<String, String> context, String sessionId) {
    /** Empty for null, and for a value that is no envelope or not one that this reader can read. */
    public static Optional<EnvelopeInfo> of(byte[] value) {
        if (value == null) {
            return Optional.empty();
        }
        try {
            Envelope envelope = Envelope.parse(value);
            EnvelopeHeader header = envelope.header();
            return Optional.of(new EnvelopeInfo(envelope.wrappings().stream().map(Wrapping::cmk).toList(), header.topic(),
                    header.keyBound(), header.boundHeaders(), header.context(), HexFormat.of().formatHex(header.sessionId())));
        } catch (EnvelopeException e) {
            return Optional.empty();
        }
    }
}
