package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Assert.assertBytes;
import static io.github.kafkaenvelope.Assert.assertCode;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kms.KmsClient;

/** With the client of the SDK, on a server that answers as AWS KMS does. */
class AwsKmsUnwrapperTest {
    private static final String CMK = "arn:aws:kms:eu-west-1:111122223333:key/5b3c1a9e-1d2f-4c6b-9a0e-7f8d6c5b4a39";
    private static final String OTHER_CMK = CMK.replace("5b3c1a9e", "6b3c1a9e");
    private static final byte[] CIPHERTEXT = {1, 2, 3};
    private static final ObjectMapper JSON = new ObjectMapper();

    private static KmsAnswers table;

    private final List<JsonNode> asked = new ArrayList<>();
    private final List<String> targets = new ArrayList<>();
    private final Stall stall = new Stall();
    private HttpServer server;
    private KmsClient client;
    private boolean silent;
    private int status = 200;
    private String answer = opened(CMK);

    @BeforeAll
    static void readTable() throws IOException {
        table = KmsAnswers.read("aws-kms.json");
    }

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            asked.add(JSON.readTree(exchange.getRequestBody().readAllBytes()));
            targets.add(exchange.getRequestHeaders().getFirst("X-Amz-Target"));
            if (silent) {
                stall.hold();
            }
            byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(status, bytes.length);
            exchange.getResponseBody().write(bytes);
            exchange.close();
        });
        server.start();
        client = client(Duration.ofSeconds(5));
    }

    @AfterEach
    void stop() {
        stall.end();
        client.close();
        server.stop(0);
    }

    @Test
    void unwrapsUnderTheNamedCmkAndContext() {
        assertBytes(Sealer.DEK, symmetric().unwrap(CMK, CIPHERTEXT, "{\"env\":\"prod\",\"tenant\":\"acme\"}"));
        assertEquals(List.of("TrentService.Decrypt"), targets);
        JsonNode request = asked.get(0);
        assertEquals(CMK, request.path("KeyId").textValue());
        assertEquals("AQID", request.path("CiphertextBlob").textValue());
        assertEquals("{\"env\":\"prod\",\"tenant\":\"acme\"}", request.path("EncryptionContext").toString());
        assertNull(request.get("EncryptionAlgorithm"));
        assertFalse(symmetric().asymmetric());
    }

    @Test
    void anEmptyContextIsNotSent() {
        symmetric().unwrap(CMK, CIPHERTEXT, "");
        assertNull(asked.get(0).get("EncryptionContext"));
    }

    @Test
    void anRsaCmkHasAnAlgorithmAndNoContext() {
        Unwrapper rsa = AwsKmsUnwrapper.rsa(Map.of("eu-west-1", client));
        assertTrue(rsa.asymmetric());
        assertBytes(Sealer.DEK, rsa.unwrap(CMK, new byte[384], "{\"tenant\":\"acme\"}"));
        assertEquals("RSAES_OAEP_SHA_256", asked.get(0).path("EncryptionAlgorithm").textValue());
        assertNull(asked.get(0).get("EncryptionContext"));
        assertCode("UNWRAP_FAILED", () -> rsa.unwrap(CMK, new byte[255], ""));
        assertEquals(1, asked.size());
    }

    @ParameterizedTest
    @MethodSource("answersOfTheTable")
    void anAnswerMeansWhatTheTableSays(KmsAnswers.Answer given) {
        status = given.status();
        answer = given.body();
        String cmkId = table.text("cmkId");
        given.assertIsMeaningOf(() -> symmetric().unwrap(cmkId, CIPHERTEXT, ""));
        given.assertIsMeaningOf(() -> AwsKmsUnwrapper.rsa(Map.of("eu-west-1", client)).unwrap(cmkId, new byte[256], ""));
    }

    static List<KmsAnswers.Answer> answersOfTheTable() {
        return table.answers();
    }

    @Test
    void whatTheServiceDidNotSayBlamesNothing() {
        assertAnswer("KMS_UNAVAILABLE", 403, "<html>");
        assertAnswer("KMS_UNAVAILABLE", 503, "");
        assertAnswer("KMS_UNAVAILABLE", 200, "<html>");
        assertAnswer("KMS_UNAVAILABLE", 200, "{\"KeyId\":\"" + CMK + "\"}");
        server.stop(0);
        assertCode("KMS_UNAVAILABLE", () -> symmetric().unwrap(CMK, CIPHERTEXT, ""));
    }

    @Test
    void anAnswerThatNamesAnotherCmkIsNotBelieved() {
        assertAnswer("UNWRAP_FAILED", 200, opened(OTHER_CMK));
    }

    @Test
    void aServerThatSaysNothingIsATimeOut() {
        silent = true;
        try (KmsClient impatient = client(Duration.ofMillis(200))) {
            Unwrapper aws = AwsKmsUnwrapper.symmetric(Map.of("eu-west-1", impatient));
            assertCode("KMS_TIMEOUT", () -> aws.unwrap(CMK, CIPHERTEXT, ""));
        }
    }

    /** STS, which is asked for credentials first, has codes that KMS has too. */
    @Test
    void theAnswerOfAnotherServiceSaysNothingAboutTheCmk() {
        AwsServiceException denied = AwsServiceException.builder()
                .statusCode(403)
                .awsErrorDetails(AwsErrorDetails.builder().serviceName("Sts").errorCode("AccessDenied").build())
                .build();
        AwsCredentialsProvider failing = () -> {
            throw denied;
        };
        try (KmsClient without = client(Duration.ofSeconds(5), failing)) {
            Unwrapper aws = AwsKmsUnwrapper.symmetric(Map.of("eu-west-1", without));
            assertCode("KMS_UNAVAILABLE", () -> aws.unwrap(CMK, CIPHERTEXT, ""));
        }
        assertEquals(List.of(), asked);
    }

    @Test
    void onlyTheArnOfAKeyInAConfiguredRegionNamesACmk() {
        for (String id : List.of("arn:aws:kms:eu-west-1:111122223333:alias/orders", "5b3c1a9e-1d2f-4c6b-9a0e-7f8d6c5b4a39",
                "arn:aws:kms:eu-west-1.evil.example:111122223333:key/x", CMK + "\n", CMK.replace("west", "east"))) {
            assertCode("CMK_NOT_FOUND", () -> symmetric().unwrap(id, CIPHERTEXT, ""));
        }
        assertEquals(List.of(), asked);
    }

    @Test
    void onlyReplicasOfOneKeyUnwrapForEachOther() {
        String replica = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
        assertTrue(symmetric().unwrapsFor(replica, replica.replace("eu-west-1", "us-east-1")));
        assertFalse(symmetric().unwrapsFor(CMK, CMK.replace("eu-west-1", "us-east-1")));
        for (String other : List.of(replica.replace("1111", "4444"), replica.replace("1234", "5678"),
                replica.replace("arn:aws:", "arn:aws-cn:"), replica.replace(":key/", ":alias/"), CMK, "mrk-1")) {
            assertFalse(symmetric().unwrapsFor(replica, other), other);
        }
    }

    private Unwrapper symmetric() {
        return AwsKmsUnwrapper.symmetric(Map.of("eu-west-1", client));
    }

    private KmsClient client(Duration timeout) {
        return client(timeout, StaticCredentialsProvider.create(AwsBasicCredentials.create("id", "secret")));
    }

    private KmsClient client(Duration timeout, AwsCredentialsProvider credentials) {
        return KmsClient.builder()
                .region(Region.EU_WEST_1)
                .endpointOverride(URI.create("http://127.0.0.1:" + server.getAddress().getPort()))
                .credentialsProvider(credentials)
                .httpClient(UrlConnectionHttpClient.create())
                .overrideConfiguration(c -> c.apiCallTimeout(timeout).retryStrategy(AwsRetryStrategy.doNotRetry()))
                .build();
    }

    private void assertAnswer(String code, int withStatus, String body) {
        status = withStatus;
        answer = body;
        assertCode(code, () -> symmetric().unwrap(CMK, CIPHERTEXT, ""));
    }

    private static String opened(String cmkId) {
        String plaintext = Base64.getEncoder().encodeToString(Sealer.DEK);
        return "{\"KeyId\":\"" + cmkId + "\",\"Plaintext\":\"" + plaintext + "\"}";
    }
}
