package io.github.kafkaenvelope;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigException;

/** The unwrappers that {@link EnvelopeDeserializerConfig} describes. */
final class ConfiguredUnwrappers {
    private static final String TOKEN_VARIABLE = "VAULT_TOKEN";

    private ConfiguredUnwrappers() {
    }

    /** @param service is applied to each unwrapper that calls a service */
    static void add(AbstractConfig config, EnvelopeOpener.Builder opener, UnaryOperator<Unwrapper> service) {
        String keyring = config.getString(EnvelopeDeserializerConfig.KEYRING_FILE);
        if (keyring != null) {
            opener.keyring(Keyring.read(Path.of(keyring)));
        }
        if (config.getString(EnvelopeDeserializerConfig.VAULT_ADDRESS) != null) {
            opener.unwrapper("vault-transit", service.apply(vault(config)));
        }
        List<String> regions = config.getList(EnvelopeDeserializerConfig.AWS_REGIONS);
        if (!regions.isEmpty()) {
            addAws(regions, opener, service);
        }
    }

    private static Unwrapper vault(AbstractConfig config) {
        String name = config.getString(EnvelopeDeserializerConfig.VAULT_NAME);
        if (name == null) {
            throw new ConfigException(EnvelopeDeserializerConfig.VAULT_NAME + " is missing");
        }
        VaultTransitUnwrapper vault = new VaultTransitUnwrapper(HttpClient.newHttpClient(),
                address(config.getString(EnvelopeDeserializerConfig.VAULT_ADDRESS)), name,
                config.getString(EnvelopeDeserializerConfig.VAULT_MOUNT),
                token(config.getString(EnvelopeDeserializerConfig.VAULT_TOKEN_FILE)));
        String namespace = config.getString(EnvelopeDeserializerConfig.VAULT_NAMESPACE);
        return namespace == null ? vault : vault.inNamespace(namespace);
    }

    private static URI address(String text) {
        try {
            return new URI(text);
        } catch (URISyntaxException e) {
            // Without its text, which quotes the address: there could be a password in it.
            throw new ConfigException(EnvelopeDeserializerConfig.VAULT_ADDRESS + " is not an address");
        }
    }

    /** Read again for each request, because an agent of Vault replaces the file. */
    private static Supplier<String> token(String file) {
        if (file == null) {
            String token = System.getenv(TOKEN_VARIABLE);
            if (token == null) {
                throw new ConfigException(EnvelopeDeserializerConfig.VAULT_TOKEN_FILE + " and the variable " + TOKEN_VARIABLE
                        + " are missing");
            }
            return () -> token;
        }
        return () -> {
            try {
                return Files.readString(Path.of(file)).strip();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        };
    }

    private static void addAws(List<String> regions, EnvelopeOpener.Builder opener, UnaryOperator<Unwrapper> service) {
        try {
            opener.unwrapper("aws-kms", service.apply(AwsKmsUnwrapper.symmetric(AwsKmsClients.of(regions))))
                    .unwrapper("aws-kms/rsa-oaep-sha256", service.apply(AwsKmsUnwrapper.rsa(AwsKmsClients.of(regions))));
        } catch (NoClassDefFoundError e) {
            throw new ConfigException(EnvelopeDeserializerConfig.AWS_REGIONS
                    + " needs software.amazon.awssdk:kms and one of the SDK's HTTP clients on the class path");
        }
    }
}
