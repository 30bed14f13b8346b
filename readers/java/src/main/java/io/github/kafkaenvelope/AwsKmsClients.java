package io.github.kafkaenvelope;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kms.KmsClient;

/** Clients of AWS KMS with the credentials that the SDK finds. One for each region and process, never closed. */
final class AwsKmsClients {
    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final Map<String, KmsClient> CLIENTS = new ConcurrentHashMap<>();

    private AwsKmsClients() {
    }

    static Map<String, KmsClient> of(List<String> regions) {
        return regions.stream().distinct().collect(Collectors.toMap(Function.identity(),
                region -> CLIENTS.computeIfAbsent(region, AwsKmsClients::client)));
    }

    private static KmsClient client(String region) {
        return KmsClient.builder().region(Region.of(region)).overrideConfiguration(c -> c.apiCallTimeout(TIMEOUT)).build();
    }
}
