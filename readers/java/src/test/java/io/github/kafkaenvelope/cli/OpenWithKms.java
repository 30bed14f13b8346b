package io.github.kafkaenvelope.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.kafkaenvelope.AwsKmsUnwrapper;
import io.github.kafkaenvelope.CmkRef;
import io.github.kafkaenvelope.EnvelopeException;
import io.github.kafkaenvelope.EnvelopeOpener;
import io.github.kafkaenvelope.ReadRule;
import io.github.kafkaenvelope.Unwrapper;
import io.github.kafkaenvelope.VaultTransitUnwrapper;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kms.KmsClient;

/** Opens records with the help of a KMS, for tests in another language. */
final class OpenWithKms {
    private static final ObjectMapper JSON = new ObjectMapper();

    private OpenWithKms() {
    }

    /**
     * Prints a line of JSON for each case: its name with the plaintext in hex, or with code and kind of the error.
     *
     * @param cases JSON: a list of objects with a {@code name}, the {@code url} of a KMS, a {@code token} and a {@code namespace} for it
     *     (empty for AWS, and the latter where there is none), the one {@code provider} and {@code cmkId} that the rule accepts, and {@code topic}, {@code key} and
     *     {@code envelope} of a record, the last two in hex
     */
    static void run(Path cases, PrintStream out) throws IOException {
        for (JsonNode each : JSON.readTree(cases.toFile())) {
            ObjectNode line = JSON.createObjectNode().put("name", text(each, "name"));
            try {
                line.put("plaintext", HexFormat.of().formatHex(opened(each)));
            } catch (EnvelopeException e) {
                line.put("code", e.code()).put("kind", e.kind().name().toLowerCase(Locale.ROOT));
            }
            out.println(line);
        }
    }

    private static byte[] opened(JsonNode given) {
        CmkRef cmk = new CmkRef(text(given, "provider"), text(given, "cmkId"));
        if (cmk.provider().equals("vault-transit")) {
            String name = cmk.cmkId().split("/")[0];
            URI address = URI.create(text(given, "url"));
            HttpClient http = HttpClient.newHttpClient();
            VaultTransitUnwrapper vault =
                    new VaultTransitUnwrapper(http, address, name, "transit", () -> text(given, "token"));
            String namespace = text(given, "namespace");
            return opened(given, cmk, namespace.isEmpty() ? vault : vault.inNamespace(namespace));
        }
        String region = cmk.cmkId().split(":")[3];
        try (KmsClient client = client(region, URI.create(text(given, "url")))) {
            Map<String, KmsClient> clients = Map.of(region, client);
            boolean rsa = cmk.provider().endsWith("/rsa-oaep-sha256");
            return opened(given, cmk, rsa ? AwsKmsUnwrapper.rsa(clients) : AwsKmsUnwrapper.symmetric(clients));
        }
    }

    private static byte[] opened(JsonNode given, CmkRef cmk, Unwrapper unwrapper) {
        return EnvelopeOpener.builder()
                .unwrapper(cmk.provider(), unwrapper)
                .rule(text(given, "topic"), ReadRule.accepting(List.of(cmk)).acceptPublicKeySealing(true).build())
                .build()
                .open(text(given, "topic"), bytes(given, "key"), List.of(), bytes(given, "envelope"));
    }

    private static KmsClient client(String region, URI endpoint) {
        return KmsClient.builder()
                .region(Region.of(region))
                .endpointOverride(endpoint)
                .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("id", "secret")))
                .httpClient(UrlConnectionHttpClient.create())
                .overrideConfiguration(c -> c.retryStrategy(AwsRetryStrategy.doNotRetry()))
                .build();
    }

    private static String text(JsonNode given, String member) {
        return given.get(member).textValue();
    }

    private static byte[] bytes(JsonNode given, String member) {
        return HexFormat.of().parseHex(text(given, member));
    }
}
