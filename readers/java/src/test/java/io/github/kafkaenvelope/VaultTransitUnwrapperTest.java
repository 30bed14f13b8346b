package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Assert.assertBytes;
import static io.github.kafkaenvelope.Assert.assertCode;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** On a server that answers as Vault does. */
class VaultTransitUnwrapperTest {
    private static final String NAME = "transit.vault.example.com";
    private static final String CMK = NAME + "/orders";
    private static final byte[] CIPHERTEXT = ascii("vault:v1:" + base64(new byte[60]));
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private static KmsAnswers table;

    private final List<String> asked = new ArrayList<>();
    private final List<List<String>> namespaces = new ArrayList<>();
    private final Stall stall = new Stall();
    private HttpServer server;
    private boolean stalls;
    private int keyStatus = 200;
    private String key = "{\"data\":{\"derived\":true,\"supports_encryption\":true,\"type\":\"aes256-gcm96\"}}";
    private int status = 200;
    private String answer = "{\"data\":{\"plaintext\":\"" + base64(Sealer.DEK) + "\"}}";

    @BeforeAll
    static void readTable() throws IOException {
        table = KmsAnswers.read("vault-transit.json");
    }

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            boolean looks = exchange.getRequestMethod().equals("GET");
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            asked.add(exchange.getRequestMethod() + " " + exchange.getRequestURI() + " "
                    + exchange.getRequestHeaders().getFirst("X-Vault-Token") + " " + body);
            namespaces.add(exchange.getRequestHeaders().getOrDefault("X-Vault-Namespace", List.of()));
            byte[] bytes = (looks ? key : answer).getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Location", "/elsewhere");
            exchange.sendResponseHeaders(looks ? keyStatus : status, bytes.length == 0 ? -1 : bytes.length);
            exchange.getResponseBody().write(bytes, 0, stalls ? 1 : bytes.length);
            if (stalls) {
                exchange.getResponseBody().flush();
                stall.hold();
            }
            exchange.close();
        });
        server.start();
    }

    @AfterEach
    void stop() {
        stall.end();
        server.stop(0);
    }

    @Test
    void unwrapsWithTheContextAfterALookAtTheKey() {
        assertBytes(Sealer.DEK, vault().unwrap(CMK, CIPHERTEXT, "{\"tenant\":\"acme\"}"));
        assertEquals("GET /v1/team/transit/keys/orders s.token ", asked.get(0));
        assertTrue(asked.get(1).startsWith("POST /v1/team/transit/decrypt/orders s.token "));
        assertTrue(asked.get(1).contains("\"context\":\"" + base64(ascii("{\"tenant\":\"acme\"}")) + '"'));
        assertTrue(asked.get(1).contains("\"ciphertext\":\"vault:v1:"));
        vault().unwrap(CMK, CIPHERTEXT, "");
        assertTrue(asked.get(3).contains("\"context\":\"" + base64(ascii("{}")) + '"'));
        assertFalse(vault().asymmetric());
    }

    @Test
    void aKeyThatIsNotFitIsNotUsed() {
        String fit = key;
        assertKey("CMK_UNUSABLE", 200, fit.replace("\"derived\":true", "\"derived\":false"));
        assertKey("CMK_UNUSABLE", 200, fit.replace("aes256", "aes128"));
        assertKey("KMS_UNAVAILABLE", 200, "{\"data\":{}}");
        assertKey("KMS_UNAVAILABLE", 200, "{}");
        assertKey("CMK_NOT_FOUND", 404, "{\"errors\":[]}");
        assertKey("KMS_UNAVAILABLE", 404, "<html>");
        assertKey("KMS_DENIED", 403, "{\"errors\":[\"permission denied\"]}");
        assertKey("KMS_UNAVAILABLE", 307, "");
        assertTrue(asked.stream().allMatch(each -> each.startsWith("GET ") && !each.contains("elsewhere")));
    }

    @ParameterizedTest
    @MethodSource("answersOfTheTable")
    void anAnswerMeansWhatTheTableSays(KmsAnswers.Answer given) {
        key = table.table().path("key").toString();
        if (given.to().equals("key")) {
            keyStatus = given.status();
            key = given.body();
        } else {
            status = given.status();
            answer = given.body();
        }
        Unwrapper vault = new VaultTransitUnwrapper(HTTP, address(), table.text("name"), "transit", () -> "s.token");
        given.assertIsMeaningOf(() -> vault.unwrap(table.text("cmkId"), ascii(table.text("ciphertextDek")), ""));
    }

    static List<KmsAnswers.Answer> answersOfTheTable() {
        return table.answers();
    }

    @Test
    void whatVaultDidNotSayBlamesNothing() {
        assertBody("KMS_UNAVAILABLE", 403, "{\"message\":\"Forbidden\"}");
        assertBody("KMS_THROTTLED", 429, "slow down");
        assertBody("KMS_UNAVAILABLE", 200, "<html>");
        assertBody("KMS_UNAVAILABLE", 200, "");
        assertBody("KMS_UNAVAILABLE", 200, "{\"data\":{\"plaintext\":1}}");
        server.stop(0);
        assertCode("KMS_UNAVAILABLE", () -> vault().unwrap(CMK, CIPHERTEXT, ""));
    }

    @Test
    void anAnswerThatStallsIsATimeOut() {
        stalls = true;
        Unwrapper impatient = vault().withTimeout(Duration.ofMillis(200));
        assertCode("KMS_TIMEOUT", () -> impatient.unwrap(CMK, CIPHERTEXT, ""));
    }

    @Test
    void aNamespaceIsSentOnlyIfThereIsOne() {
        vault().unwrap(CMK, CIPHERTEXT, "");
        vault().inNamespace("admin/team").unwrap(CMK, CIPHERTEXT, "");
        assertEquals(List.of(List.of(), List.of(), List.of("admin/team"), List.of("admin/team")), namespaces);
    }

    @Test
    void anotherFormAndAnotherEngineAreRefusedWithoutACall() {
        for (String text : List.of("vault:v0:AAAA", "vault:v01:AAAA", "vault:v1:AAAA\n", "vault:v1:AAAAAB==",
                "vault:v1:AAA", "vault:v1:", "vault:v1234567890:AAAA", "\0")) {
            assertCode("UNWRAP_FAILED", () -> vault().unwrap(CMK, ascii(text), ""));
        }
        for (String id : List.of("orders", NAME + "/", NAME + "/../sys", NAME + "/a?b", "other.example.com/orders")) {
            assertCode("CMK_NOT_FOUND", () -> vault().unwrap(id, CIPHERTEXT, ""));
        }
        assertEquals(List.of(), asked);
    }

    @Test
    void aTokenThatIsNotAHeaderIsNotSentAndNotShown() {
        Unwrapper vault = new VaultTransitUnwrapper(HTTP, address(), NAME, "transit", () -> "hunter2\r\n");
        EnvelopeException e = assertCode("KMS_UNAVAILABLE", () -> vault.unwrap(CMK, CIPHERTEXT, ""));
        assertFalse(e.getMessage().contains("hunter2"));
        assertEquals(List.of(), asked);
    }

    @Test
    void anAnswerThatIsTooLongIsNotRead() {
        String good = answer;
        answer = good + " ".repeat(65_536 - good.length());
        assertBytes(Sealer.DEK, vault().unwrap(CMK, CIPHERTEXT, ""));
        assertBody("KMS_UNAVAILABLE", 200, answer + " ");
        assertBody("KMS_UNAVAILABLE", 200, good + " ".repeat(10_000_000));
    }

    @Test
    void argumentsThatAreNotValidAreRefused() {
        URI https = URI.create("https://vault.example.com");
        HttpClient follows = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL).build();
        assertRefused(HTTP, URI.create("http://vault.example.com"), NAME, "transit");
        assertRefused(HTTP, URI.create("https://user:secret@vault.example.com"), NAME, "transit");
        assertRefused(HTTP, URI.create("vault.example.com"), NAME, "transit");
        assertRefused(HTTP, URI.create("https://vault.example.com?a"), NAME, "transit");
        assertRefused(HTTP, URI.create("https://vault.example.com/#a"), NAME, "transit");
        assertRefused(HTTP, https, "vault", "transit");
        assertRefused(HTTP, https, NAME, "../sys");
        assertRefused(HTTP, https, NAME, "a//b");
        assertRefused(follows, https, NAME, "transit");
        assertThrows(IllegalArgumentException.class, () -> vault().inNamespace("a\r\nb"));
        assertThrows(IllegalArgumentException.class, () -> vault().withTimeout(Duration.ZERO));
    }

    private URI address() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
    }

    private VaultTransitUnwrapper vault() {
        return new VaultTransitUnwrapper(HTTP, address(), NAME, "team/transit", () -> "s.token");
    }

    private void assertKey(String code, int withStatus, String body) {
        keyStatus = withStatus;
        key = body;
        assertCode(code, () -> vault().unwrap(CMK, CIPHERTEXT, ""));
    }

    private void assertBody(String code, int withStatus, String body) {
        status = withStatus;
        answer = body;
        assertCode(code, () -> vault().unwrap(CMK, CIPHERTEXT, ""));
    }

    private static void assertRefused(HttpClient http, URI address, String name, String mount) {
        assertThrows(IllegalArgumentException.class,
                () -> new VaultTransitUnwrapper(http, address, name, mount, () -> "s.token"));
    }

    private static String base64(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
