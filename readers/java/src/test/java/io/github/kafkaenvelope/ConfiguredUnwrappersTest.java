package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Assert.assertBytes;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** KMS services that properties describe, on servers that answer as they do. */
class ConfiguredUnwrappersTest {
    private static final String DEK = Base64.getEncoder().encodeToString(Sealer.DEK);
    private static final String VAULT_CMK = "transit.vault.example.com/orders";
    private static final String AWS_CMK = "arn:aws:kms:eu-west-3:111122223333:key/5b3c1a9e-1d2f-4c6b-9a0e-7f8d6c5b4a39";
    @TempDir
    Path folder;
    private final List<String> asked = new ArrayList<>();
    private HttpServer server;
    private String address;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            exchange.getRequestBody().readAllBytes();
            String path = exchange.getRequestURI().getPath();
            asked.add(path + " " + exchange.getRequestHeaders().getFirst("X-Vault-Token") + " "
                    + exchange.getRequestHeaders().getFirst("X-Vault-Namespace"));
            String answer = path.contains("/keys/") ? "{\"data\":{\"derived\":true,\"supports_encryption\":true,\"type\":\"aes256-gcm96\"}}"
                    : "{\"data\":{\"plaintext\":\"" + DEK + "\"}}";
            byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, bytes.length);
            exchange.getResponseBody().write(bytes);
            exchange.close();
        });
        server.start();
        address = "http://127.0.0.1:" + server.getAddress().getPort();
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    @Test
    void vaultIsAskedWithTheTokenThatIsInTheFileNow() throws IOException {
        Path token = Files.writeString(folder.resolve("token"), "s.old\n");
        EnvelopeOpener opener = EnvelopeDeserializerConfig.opener(Map.of("envelope.accept", "vault-transit:" + VAULT_CMK,
                "envelope.vault.address", address, "envelope.vault.name", "transit.vault.example.com",
                "envelope.vault.mount", "team/transit", "envelope.vault.namespace", "admin/team",
                "envelope.vault.token.file", token.toString()));
        Files.writeString(token, "s.new\n");
        assertOpens(opener, "vault-transit:" + VAULT_CMK, "vault:v1:" + Base64.getEncoder().encodeToString(new byte[60]));
        assertEquals(List.of("/v1/team/transit/keys/orders s.new admin/team", "/v1/team/transit/decrypt/orders s.new admin/team"), asked);
    }

    @Test
    void awsIsAskedWithTheCredentialsThatTheSdkFinds() throws IOException {
        try (AwsEnvironment environment = new AwsEnvironment(AWS_CMK)) {
            EnvelopeOpener opener = EnvelopeDeserializerConfig.opener(
                    Map.of("envelope.accept", "aws-kms:" + AWS_CMK, "envelope.aws.regions", "eu-west-3"));
            assertOpens(opener, "aws-kms:" + AWS_CMK, "ciphertext");
            assertEquals(1, environment.calls());
        }
    }

    @Test
    void aProviderThatNoPropertyDescribesIsRefused() {
        for (String provider : List.of("local", "aws-kms", "vault-transit", "tencent-kms")) {
            ConfigException e = assertThrows(ConfigException.class,
                    () -> EnvelopeDeserializerConfig.opener(Map.of("envelope.accept", provider + ":a")));
            assertTrue(e.getMessage().endsWith("there is no unwrapper for the provider " + provider));
        }
    }

    @Test
    void vaultNeedsItsNameAndAnAddressThatIsHttps() throws IOException {
        Map<String, String> right = Map.of("envelope.accept", "vault-transit:" + VAULT_CMK, "envelope.vault.address", address,
                "envelope.vault.name", "transit.vault.example.com",
                "envelope.vault.token.file", Files.writeString(folder.resolve("token"), "s.token").toString());
        EnvelopeDeserializerConfig.opener(right);
        Map<String, String> nameless = new HashMap<>(right);
        nameless.remove("envelope.vault.name");
        assertThrows(ConfigException.class, () -> EnvelopeDeserializerConfig.opener(nameless));
        Map<String, String> plain = new HashMap<>(right);
        plain.put("envelope.vault.address", "http://vault.example.com");
        assertThrows(ConfigException.class, () -> EnvelopeDeserializerConfig.opener(plain));
        plain.put("envelope.vault.address", "https://user:pass word@vault.example.com");
        assertEquals("envelope.vault.address is not an address",
                assertThrows(ConfigException.class, () -> EnvelopeDeserializerConfig.opener(plain)).getMessage());
    }

    @Test
    void viewersDoNotAskAgainForWhatWasDenied() throws IOException {
        server.removeContext("/");
        server.createContext("/", exchange -> {
            asked.add(exchange.getRequestURI().getPath());
            exchange.sendResponseHeaders(403, 13);
            exchange.getResponseBody().write("{\"errors\":[]}".getBytes(StandardCharsets.UTF_8));
            exchange.close();
        });
        EnvelopeOpener opener = EnvelopeDeserializerConfig.viewerOpener(Map.of("envelope.accept", "vault-transit:" + VAULT_CMK,
                "envelope.vault.address", address, "envelope.vault.name", "transit.vault.example.com",
                "envelope.vault.token.file", Files.writeString(folder.resolve("token"), "s.token").toString()));
        for (int record = 0; record < 2; record++) {
            Sealer sealer = new Sealer();
            sealer.wrappings.put("vault-transit:" + VAULT_CMK,
                    Sealer.bytes("vault:v1:" + Base64.getEncoder().encodeToString(new byte[60 + record])));
            assertEquals("KMS_DENIED", assertThrows(EnvelopeException.class,
                    () -> opener.open(sealer.topic, sealer.key, List.of(), sealer.seal())).code());
        }
        assertEquals(1, asked.size());
    }

    private static void assertOpens(EnvelopeOpener opener, String cmk, String ciphertextDek) {
        Sealer sealer = new Sealer();
        sealer.wrappings.put(cmk, Sealer.bytes(ciphertextDek));
        assertBytes(sealer.plaintext, opener.open(sealer.topic, sealer.key, List.of(), sealer.seal()));
    }
}
