package io.github.kafkaenvelope;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/** The repository's schemas, with Avro's own encoder and decoder. */
final class Schemas {
    static final Schema ENVELOPE = parse("envelope.v1.avsc");
    static final Schema HEADER = parse("header.v1.avsc");

    private Schemas() {
    }

    static byte[] encode(GenericRecord record) {
        try {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
            new GenericDatumWriter<GenericRecord>(record.getSchema()).write(record, encoder);
            encoder.flush();
            return out.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static GenericRecord decode(Schema schema, byte[] bytes, int offset) throws IOException {
        BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(bytes, offset, bytes.length - offset, null);
        return new GenericDatumReader<GenericRecord>(schema).read(null, decoder);
    }

    private static Schema parse(String name) {
        try {
            return new Schema.Parser().parse(Path.of("../../schemas", name).toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
