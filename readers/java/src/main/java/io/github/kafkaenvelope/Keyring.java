package io.github.kafkaenvelope;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The CMKs of a keyring file: keys of the providers {@code local} and {@code local/rsa-oaep-sha256}. Immutable.
 *
 * <p>Source: docs/format.md, section 21.
 */
public final class Keyring {
    static final String LOCAL = "local";
    static final String LOCAL_RSA = "local/rsa-oaep-sha256";
    private static final int MAX_BYTES = 16 << 20;
    private static final Set<PosixFilePermission> OTHERS = EnumSet.range(PosixFilePermission.GROUP_READ,
            PosixFilePermission.OTHERS_EXECUTE);

    private final Map<String, KeyringCmk> cmks;

    private Keyring(Map<String, KeyringCmk> cmks) {
        this.cmks = cmks;
    }

    /**
     * Reads a keyring file: JSON in UTF-8 of at most 16 MiB, on POSIX systems without any permission for group and others.
     *
     * @throws EnvelopeException {@code KEYRING_INVALID}
     */
    public static Keyring read(Path file) {
        try {
            requireOwnerOnly(file);
            try (InputStream in = Files.newInputStream(file)) {
                return parse(in.readNBytes(MAX_BYTES + 1));
            }
        } catch (IOException e) {
            throw ErrorCode.KEYRING_INVALID.error("the file cannot be read");
        }
    }

    static Keyring parse(byte[] json) {
        if (json.length > MAX_BYTES) {
            throw ErrorCode.KEYRING_INVALID.error("the file has more than 16 MiB");
        }
        return new Keyring(KeyringJson.parse(json));
    }

    /** All CMKs in the order of the file, disabled ones included. */
    public List<CmkRef> cmks() {
        return cmks.entrySet().stream().map(e -> new CmkRef(e.getValue().provider(), e.getKey())).toList();
    }

    Unwrapper local() {
        return new LocalUnwrapper(LOCAL, false);
    }

    Unwrapper localRsa() {
        return new LocalUnwrapper(LOCAL_RSA, true);
    }

    private static void requireOwnerOnly(Path file) throws IOException {
        PosixFileAttributeView view = Files.getFileAttributeView(file, PosixFileAttributeView.class);
        if (view != null && view.readAttributes().permissions().stream().anyMatch(OTHERS::contains)) {
            throw ErrorCode.KEYRING_INVALID.error("group or others may use the file");
        }
    }

    private final class LocalUnwrapper implements Unwrapper {
        private final String provider;
        private final boolean asymmetric;

        LocalUnwrapper(String provider, boolean asymmetric) {
            this.provider = provider;
            this.asymmetric = asymmetric;
        }

        @Override
        public boolean asymmetric() {
            return asymmetric;
        }

        @Override
        public byte[] unwrap(String cmkId, byte[] ciphertextDek, String canonicalContext) {
            KeyringCmk cmk = cmks.get(cmkId);
            if (cmk == null || !cmk.provider().equals(provider)) {
                throw ErrorCode.CMK_NOT_FOUND.error("the CMK is not in the keyring");
            }
            if (!cmk.enabled()) {
                throw ErrorCode.CMK_DISABLED.error("the CMK is disabled");
            }
            return cmk.unwrap(cmkId, ciphertextDek, canonicalContext);
        }
    }
}
