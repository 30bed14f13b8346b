package io.github.kafkaenvelope;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecordBuilder;

/**
 * A writer for tests, on Avro's encoder and with none of the reader's code. Its fields may be set to anything.
 *
 * <p>Source: docs/format.md, sections 4 to 10.
 */
final class Sealer {
    static final byte[] DEK = ascending(0x00, 32);
    static final byte[] CMK = ascending(0x40, 32);
    static final byte[] WRAPPING_IV = ascending(0x60, 12);

    String topic = "orders.eu";
    byte[] key = bytes("order-17");
    List<HeaderEntry> headers = List.of();
    byte[] plaintext = bytes("{\"order\":17}");
    int suite = 1;
    int compression;
    /** With compression 3. */
    byte[] dictionary = {};
    int level = Deflater.DEFAULT_COMPRESSION;
    int strategy = Deflater.DEFAULT_STRATEGY;
    boolean keyBound = true;
    List<String> boundHeaders = List.of();
    Map<String, String> context = new TreeMap<>();
    byte[] dek = DEK;
    byte[] sessionId = ascending(0xa0, 16);
    byte[] commitment;
    byte[] iv = new byte[12];
    /** {@code provider:cmkId} to ciphertext DEK; empty stands for one {@code local} wrapping by {@link #CMK}. */
    final Map<String, byte[]> wrappings = new LinkedHashMap<>();

    byte[] seal() {
        byte[] data = switch (compression) {
            case 1 -> gzip(plaintext);
            case 3 -> deflate(plaintext, dictionary, level, strategy);
            default -> plaintext;
        };
        byte[] header = header();
        byte[] sealed = gcm(hkdf("kafka-envelope/v1/content/1"), iv, aad(header), data);
        byte[] body = Arrays.copyOf(sealed, data.length);
        byte[] tag = Arrays.copyOfRange(sealed, data.length, sealed.length);
        return concat(Example.bytes("c3010fea18fa6fe363e8"), Schemas.encode(new GenericRecordBuilder(Schemas.ENVELOPE)
                .set("wrappedDeks", wrappedDeks())
                .set("header", ByteBuffer.wrap(header))
                .set("iv", new GenericData.Fixed(Schemas.ENVELOPE.getField("iv").schema(), iv))
                .set("tag", new GenericData.Fixed(Schemas.ENVELOPE.getField("tag").schema(), tag))
                .set("body", ByteBuffer.wrap(body)).build()));
    }

    byte[] header() {
        byte[] committed = commitment == null ? hkdf("kafka-envelope/v1/commit/1") : commitment;
        return Schemas.encode(new GenericRecordBuilder(Schemas.HEADER)
                .set("suite", suite).set("compression", compression)
                .set("dictionary", ByteBuffer.wrap(dictionary.length == 0 ? dictionary : sha256(dictionary))).set("keyBound", keyBound)
                .set("boundHeaders", boundHeaders).set("topic", topic).set("context", context)
                .set("sessionId", new GenericData.Fixed(Schemas.HEADER.getField("sessionId").schema(), sessionId))
                .set("commitment", new GenericData.Fixed(Schemas.HEADER.getField("commitment").schema(), committed)).build());
    }

    byte[] aad(byte[] header) {
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            DataOutputStream out = new DataOutputStream(bytes);
            out.write(Example.bytes("c3010fea18fa6fe363e8"));
            out.writeInt(header.length);
            out.write(header);
            out.writeByte(!keyBound ? 0 : key == null ? 1 : 2);
            if (keyBound && key != null) {
                out.writeInt(key.length);
                out.write(key);
            }
            for (String name : boundHeaders) {
                List<HeaderEntry> named = headers.stream().filter(h -> h.name().equals(name)).toList();
                out.writeInt(named.size());
                for (HeaderEntry entry : named) {
                    out.writeInt(entry.value() == null ? -1 : entry.value().length);
                    out.write(entry.value() == null ? new byte[0] : entry.value());
                }
            }
            return bytes.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The {@code local} wrapping of the DEK. */
    byte[] local(String cmkId, byte[] cmk, int version) {
        String json = new TreeMap<>(context).entrySet().stream()
                .map(e -> '"' + e.getKey() + "\":\"" + e.getValue() + '"').reduce((a, b) -> a + ',' + b)
                .map(entries -> '{' + entries + '}').orElse("");
        byte[] aad = concat(bytes("kafka-envelope/local/v1"), u32(cmkId.length()), bytes(cmkId), bytes(json));
        return concat(u32(version), WRAPPING_IV, gcm(cmk, WRAPPING_IV, aad, dek));
    }

    private List<GenericData.Record> wrappedDeks() {
        Map<String, byte[]> all = wrappings.isEmpty() ? Map.of("local:orders-2025", local("orders-2025", CMK, 1)) : wrappings;
        List<GenericData.Record> records = new ArrayList<>();
        all.forEach((cmk, ciphertextDek) -> {
            String[] parts = cmk.split(":", 2);
            records.add(new GenericRecordBuilder(Schemas.ENVELOPE.getField("wrappedDeks").schema().getElementType())
                    .set("provider", parts[0]).set("cmkId", parts[1])
                    .set("ciphertextDek", ByteBuffer.wrap(ciphertextDek)).build());
        });
        return records;
    }

    private byte[] hkdf(String info) {
        return hmac(hmac(sessionId, dek), concat(bytes(info), new byte[] {1}));
    }

    static byte[] hmac(byte[] key, byte[] message) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            return mac.doFinal(message);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    static byte[] gcm(byte[] key, byte[] iv, byte[] aad, byte[] plaintext) {
        try {
            Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
            cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"), new GCMParameterSpec(128, iv));
            cipher.updateAAD(aad);
            return cipher.doFinal(plaintext);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    static byte[] gzip(byte[] plaintext) {
        try {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
                gzip.write(plaintext);
            }
            return out.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static byte[] deflate(byte[] plaintext, byte[] dictionary) {
        return deflate(plaintext, dictionary, Deflater.DEFAULT_COMPRESSION, Deflater.DEFAULT_STRATEGY);
    }

    private static byte[] deflate(byte[] plaintext, byte[] dictionary, int level, int strategy) {
        Deflater deflater = new Deflater(level, true);
        deflater.setStrategy(strategy);
        deflater.setDictionary(dictionary);
        deflater.setInput(plaintext);
        deflater.finish();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        byte[] chunk = new byte[8192];
        while (!deflater.finished()) {
            out.write(chunk, 0, deflater.deflate(chunk));
        }
        deflater.end();
        return out.toByteArray();
    }

    static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    static byte[] ascending(int first, int count) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = (byte) (first + i);
        }
        return bytes;
    }

    static byte[] concat(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    static byte[] u32(int n) {
        return HexFormat.of().parseHex(HexFormat.of().toHexDigits(n));
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
