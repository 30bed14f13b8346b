package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Assert.assertBytes;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericRecord;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Avro's own library as the second implementation. */
class SchemasTest {
    private static final int PREFIX = 10;

    @Test
    void thePrefixHasTheFingerprintThatAvroComputes() throws NoSuchAlgorithmException {
        assertBytes(Example.bytes("8a8f25cce724dd63"), fingerprint(Schema.create(Schema.Type.NULL)));
        assertBytes(Example.bytes("7e01b7a267487823"), fingerprint(Schemas.HEADER));
        assertBytes(Envelope.prefix(), Sealer.concat(Example.bytes("c301"), fingerprint(Schemas.ENVELOPE)));
    }

    @TestFactory
    Stream<DynamicTest> avroReadsTheSameFieldsAndWritesTheSameBytes() throws Exception {
        return Vector.all().stream().filter(v -> v.error() == null)
                .map(v -> DynamicTest.dynamicTest(v.name(), () -> assertSame(v.envelope())));
    }

    private static void assertSame(byte[] value) throws Exception {
        Envelope envelope = Envelope.parse(value);
        GenericRecord avro = Schemas.decode(Schemas.ENVELOPE, value, PREFIX);
        assertBytes(Arrays.copyOfRange(value, PREFIX, value.length), Schemas.encode(avro));
        assertBytes(((ByteBuffer) avro.get("header")).array(), envelope.header().encoded());
        assertEquals(((List<?>) avro.get("wrappedDeks")).size(), envelope.wrappings().size());
        EnvelopeHeader header = envelope.header();
        GenericRecord avroHeader = Schemas.decode(Schemas.HEADER, header.encoded(), 0);
        assertEquals(avroHeader.get("suite"), header.suite());
        assertEquals(avroHeader.get("compression"), header.compression());
        assertBytes(((ByteBuffer) avroHeader.get("dictionary")).array(), header.dictionary());
        assertEquals(avroHeader.get("keyBound"), header.keyBound());
        assertEquals(avroHeader.get("topic").toString(), header.topic());
        assertEquals(((List<?>) avroHeader.get("boundHeaders")).stream().map(Object::toString).toList(), header.boundHeaders());
        assertEquals(((Map<?, ?>) avroHeader.get("context")).size(), header.context().size());
    }

    private static byte[] fingerprint(Schema schema) throws NoSuchAlgorithmException {
        return SchemaNormalization.parsingFingerprint("CRC-64-AVRO", schema);
    }
}
