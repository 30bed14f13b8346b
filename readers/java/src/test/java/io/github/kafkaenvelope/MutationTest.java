package io.github.kafkaenvelope;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Seeded random changes: whatever comes in, nothing but {@link EnvelopeException} comes out, and little is allocated. */
class MutationTest {
    private static final long SEED = 20250102;
    private static final int ROUNDS = 60_000;
    private static final int LIMIT = 1 << 20;
    /** A reader's working memory without that for its input and for decompressing. */
    private static final long BASE = 64 << 10;
    private static final Set<String> DECOMPRESSING = Set.of("TOO_LARGE", "DECOMPRESSION_FAILED");
    private static final List<byte[]> HOSTILE = List.of(
            Example.bytes("feffffffffffffffff01"), Example.bytes("ffffffffffffffffff01"), Example.bytes("feffffff0f"),
            Example.bytes("ffffffff0f"), Example.bytes("808080808080808080808000"), Example.bytes("00"), Example.bytes("c301"),
            Example.bytes("8000"), Example.bytes("80808010"));
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final List<Vector> VECTORS = new ArrayList<>();
    private static final String KEYRING_JSON = Keyrings.json(Keyrings.aes("a", true, Keyrings.version(1, Sealer.CMK)),
            Keyrings.rsa("r", true, Keyrings.RSA));
    private static final Keyring KEYRING = Keyrings.parse(KEYRING_JSON);
    private final Random random = new Random(SEED);

    @BeforeAll
    static void read() throws IOException {
        Vector.all().stream().filter(v -> v.envelope().length < 20_000).forEach(VECTORS::add);
    }

    @Test
    void changedEnvelopes() {
        for (int i = 0; i < ROUNDS; i++) {
            Vector vector = VECTORS.get(random.nextInt(VECTORS.size()));
            byte[] value = changed(vector.envelope());
            Vector other = new Vector(vector.name(), vector.dek(), vector.dictionaries(), vector.topic(), vector.key(), vector.headers(), value, null, null);
            EnvelopeOpener opener = other.opener();
            assertBounded(value, size(vector), v -> opener.open(vector.topic(), vector.key(), vector.headers(), v));
        }
    }

    @Test
    void changedHeaders() {
        for (int i = 0; i < ROUNDS; i++) {
            byte[] header = changed(Example.HEADER);
            assertBounded(header, EnvelopeHeader::parse);
        }
    }

    @Test
    void changedGzipData() {
        byte[] text = new byte[5000];
        random.nextBytes(text);
        List<byte[]> data = List.of(GzipExample.DATA, Sealer.gzip(text), Sealer.gzip(new byte[LIMIT]));
        for (int i = 0; i < ROUNDS / 3; i++) {
            byte[] value = changed(data.get(i % data.size()));
            assertBounded(value, v -> Gzip.decompress(v, 64 << 10));
        }
    }

    @Test
    void aSmallInputWithALargeResultStopsAtTheLimit() {
        byte[] bomb = Sealer.gzip(new byte[64 << 20]);
        assertBounded(Arrays.copyOf(bomb, 4096), v -> Gzip.decompress(v, 1 << 10));
        Assert.assertCode("TOO_LARGE", () -> Gzip.decompress(bomb, LIMIT));
    }

    @Test
    void changedDeflateData() {
        byte[] dictionary = DictionaryExample.DICTIONARY;
        byte[] text = new byte[5000];
        random.nextBytes(text);
        List<byte[]> data = List.of(DictionaryExample.DATA, Sealer.deflate(text, dictionary),
                Sealer.deflate(new byte[LIMIT], dictionary), Sealer.deflate(new byte[0], dictionary));
        for (int i = 0; i < ROUNDS / 3; i++) {
            byte[] value = changed(data.get(i % data.size()));
            assertBounded(value, v -> Deflate.decompress(v, dictionary, 64 << 10));
        }
        byte[] bomb = Sealer.deflate(new byte[64 << 20], dictionary);
        Assert.assertCode("TOO_LARGE", () -> Deflate.decompress(bomb, dictionary, LIMIT));
    }

    @Test
    void changedWrappings() {
        byte[] wrapped = new Sealer().local("a", Sealer.CMK, 1);
        for (int i = 0; i < ROUNDS / 10; i++) {
            assertBounded(changed(wrapped), v -> KEYRING.local().unwrap("a", v, ""));
        }
        for (int i = 0; i < ROUNDS / 200; i++) {
            byte[] ciphertext = new byte[256];
            random.nextBytes(ciphertext);
            assertBounded(ciphertext, v -> KEYRING.localRsa().unwrap("r", v, ""));
        }
    }

    @Test
    void changedKeyrings() {
        byte[] json = KEYRING_JSON.getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < ROUNDS / 20; i++) {
            assertBounded(changed(json), Keyring::parse);
        }
    }

    /** One to three changes of bytes, of length, or by hostile integers. */
    private byte[] changed(byte[] original) {
        byte[] bytes = original;
        for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
            int at = random.nextInt(bytes.length + 1);
            byte[] head = Arrays.copyOf(bytes, at);
            byte[] tail = Arrays.copyOfRange(bytes, Math.min(at + random.nextInt(3), bytes.length), bytes.length);
            bytes = switch (random.nextInt(5)) {
                case 0 -> head;
                case 1 -> Sealer.concat(head, tail);
                case 2 -> Sealer.concat(head, new byte[] {(byte) random.nextInt(256)}, tail);
                case 3 -> Sealer.concat(head, HOSTILE.get(random.nextInt(HOSTILE.size())), tail);
                default -> flipped(bytes, at);
            };
        }
        return bytes;
    }

    private byte[] flipped(byte[] bytes, int at) {
        byte[] copy = bytes.clone();
        if (at < copy.length) {
            copy[at] ^= (byte) (1 << random.nextInt(8));
        }
        return copy;
    }

    private static void assertBounded(byte[] input, Function<byte[], Object> reader) {
        assertBounded(input, 0, reader);
    }

    /** Of key and headers, which are authenticated too. */
    private static long size(Vector vector) {
        long size = vector.key() == null ? 0 : vector.key().length;
        for (HeaderEntry header : vector.headers()) {
            size += header.name().length() + (header.value() == null ? 0 : header.value().length);
        }
        return size;
    }

    /** Reads twice if need be, as the first reading that takes some path also pays for loading its classes. */
    private static void assertBounded(byte[] input, long sizeOfOtherInput, Function<byte[], Object> reader) {
        long bound = BASE + 32L * (input.length + sizeOfOtherInput);
        if (allocated(input, reader) > bound) {
            long again = allocated(input, reader);
            assertTrue(again <= bound, () -> again + " bytes for " + input.length);
        }
    }

    /** In bytes; without what decompressing may take, which its limit bounds. */
    private static long allocated(byte[] input, Function<byte[], Object> reader) {
        long before = THREADS.getCurrentThreadAllocatedBytes();
        boolean decompressed;
        try {
            reader.apply(input);
            decompressed = true;
        } catch (EnvelopeException e) {
            decompressed = DECOMPRESSING.contains(e.code());
        }
        long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
        return decompressed ? allocated - 6L * LIMIT : allocated;
    }
}
