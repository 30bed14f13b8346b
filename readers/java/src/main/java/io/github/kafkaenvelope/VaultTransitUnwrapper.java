package io.github.kafkaenvelope;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The provider {@code vault-transit}: the transit engine of HashiCorp Vault or OpenBao, over the HTTP client of the JDK.
 *
 * <p>Before each unwrap it looks at the key: one that is not derived would ignore the context.
 *
 * <p>Source: docs/format.md, section 10.
 */
public final class VaultTransitUnwrapper implements Unwrapper {
    private static final Pattern NAME = Pattern.compile("[a-z0-9-]+(\\.[a-z0-9-]+)+");
    private static final Pattern KEY = Pattern.compile("\\w([\\w.-]*\\w)?");
    private static final Pattern PATH = Pattern.compile("(?!\\.+(/|$))[\\w.-]+(/(?!\\.+(/|$))[\\w.-]+)*");
    private static final Pattern CIPHERTEXT = Pattern.compile("vault:v[1-9][0-9]{0,8}:([A-Za-z0-9+/]+={0,2})");
    private static final Pattern LOOPBACK = Pattern.compile("127(\\.\\d{1,3}){3}|localhost|\\[::1]");
    private static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(10);
    /** Answers have a few hundred. */
    private static final int MAX_BODY_BYTES = 65_536;
    private static final ObjectMapper JSON = new ObjectMapper();
    /** The types of keys that can be derived and are as strong as a DEK. The last one is only in OpenBao. */
    private static final Set<String> TYPES_OF_256_BITS =
            Set.of("aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305");
    /** The engine requires a context. No other one has this text. */
    private static final String EMPTY_CONTEXT = "{}";

    private final HttpClient http;
    private final String base;
    private final String prefix;
    private final Supplier<String> token;
    private final Optional<String> namespace;
    private final Duration timeout;

    /**
     * @param http such as {@code HttpClient.newHttpClient()}; one that follows redirects is refused, because a DEK would
     *     come from any host that an answer names
     * @param address such as {@code https://vault.example.com:8200}; plain http is only for loopback addresses
     * @param name the part of the CMKs' ids before the slash
     * @param mount where the engine is mounted, such as {@code transit}
     * @param token asked for each request
     * @throws IllegalArgumentException if an argument is not valid
     */
    public VaultTransitUnwrapper(HttpClient http, URI address, String name, String mount, Supplier<String> token) {
        String host = address.getHost();
        boolean loopback = "http".equals(address.getScheme()) && host != null && LOOPBACK.matcher(host).matches();
        require(host != null && ("https".equals(address.getScheme()) || loopback), "the address is not https");
        require(address.getUserInfo() == null && address.getQuery() == null && address.getFragment() == null,
                "the address has a user, a query or a fragment");
        require(NAME.matcher(name).matches() && PATH.matcher(mount).matches(), "the name or the mount is not valid");
        require(http.followRedirects() == HttpClient.Redirect.NEVER, "the client follows redirects");
        this.http = http;
        this.base = address.toString().replaceFirst("/$", "") + "/v1/" + mount + "/";
        this.prefix = name + "/";
        this.token = token;
        this.namespace = Optional.empty();
        this.timeout = DEFAULT_TIMEOUT;
    }

    private VaultTransitUnwrapper(VaultTransitUnwrapper other, Optional<String> namespace, Duration timeout) {
        this.http = other.http;
        this.base = other.base;
        this.prefix = other.prefix;
        this.token = other.token;
        this.namespace = namespace;
        this.timeout = timeout;
    }

    /**
     * The same in a namespace of OpenBao, Vault Enterprise or HCP Vault, such as {@code admin/team}.
     *
     * @throws IllegalArgumentException if it is not valid
     */
    public VaultTransitUnwrapper inNamespace(String path) {
        require(PATH.matcher(path).matches(), "the namespace is not valid");
        return new VaultTransitUnwrapper(this, Optional.of(path), timeout);
    }

    /** The same with another limit for each request; by default it is 10 seconds. Unwrapping makes two requests. */
    public VaultTransitUnwrapper withTimeout(Duration limit) {
        require(!limit.isNegative() && !limit.isZero(), "the time limit is not positive");
        return new VaultTransitUnwrapper(this, namespace, limit);
    }

    @Override
    public boolean asymmetric() {
        return false;
    }

    /** @throws EnvelopeException as the interface says */
    @Override
    public byte[] unwrap(String cmkId, byte[] ciphertextDek, String canonicalContext) {
        String key = cmkId.startsWith(prefix) ? cmkId.substring(prefix.length()) : "";
        if (!KEY.matcher(key).matches()) {
            throw ErrorCode.CMK_NOT_FOUND.error("the CMK is not one of this transit engine");
        }
        String ciphertext = new String(ciphertextDek, StandardCharsets.ISO_8859_1);
        if (!canonical(ciphertext)) {
            throw Unwrapper.unwrapFailed();
        }
        requireFit(call("keys/" + key, null));
        String context = canonicalContext.isEmpty() ? EMPTY_CONTEXT : canonicalContext;
        byte[] utf8 = context.getBytes(StandardCharsets.UTF_8);
        Map<String, String> body = Map.of("ciphertext", ciphertext, "context", Base64.getEncoder().encodeToString(utf8));
        return decoded(call("decrypt/" + key, body).path("plaintext"));
    }

    /** Refuses a key that would not bind the context, or that no writer wraps with. */
    private static void requireFit(JsonNode key) {
        boolean derives = flag(key, "derived");
        boolean encrypts = flag(key, "supports_encryption");
        boolean convergent = key.has("convergent_encryption") && flag(key, "convergent_encryption");
        // Absent in Vault, which cannot delete softly.
        boolean deleted = key.has("soft_deleted") && flag(key, "soft_deleted");
        String type = key.path("type").textValue();
        if (type == null) {
            throw withoutProperties();
        }
        if (!derives || !encrypts || convergent) {
            throw ErrorCode.CMK_UNUSABLE.error("the key is not derived, is convergent, or cannot encrypt");
        }
        if (!TYPES_OF_256_BITS.contains(type)) {
            throw ErrorCode.CMK_UNUSABLE.error("the key is not of a type with 256 bits, so it is weaker than a DEK");
        }
        if (deleted) {
            throw ErrorCode.CMK_DISABLED.error("the key was soft-deleted");
        }
    }

    private static boolean flag(JsonNode key, String name) {
        if (!key.path(name).isBoolean()) {
            throw withoutProperties();
        }
        return key.path(name).booleanValue();
    }

    private static EnvelopeException withoutProperties() {
        return ErrorCode.KMS_UNAVAILABLE.error("Vault answered without the properties of the key");
    }

    /** Whether this is the one form that the format allows; the engine itself opens several. */
    private static boolean canonical(String ciphertext) {
        Matcher matcher = CIPHERTEXT.matcher(ciphertext);
        if (!matcher.matches()) {
            return false;
        }
        try {
            byte[] bytes = Base64.getDecoder().decode(matcher.group(1));
            return Base64.getEncoder().encodeToString(bytes).equals(matcher.group(1));
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    /** The data of a successful answer. The body is absent for a look at the key. */
    private JsonNode call(String path, Map<String, String> body) {
        HttpResponse<byte[]> response = send(path, body);
        JsonNode answer = parsed(response.body());
        if (response.statusCode() == 200 && answer.path("data").isObject()) {
            return answer.path("data");
        }
        VaultTransitFailures.Call call = body == null ? VaultTransitFailures.Call.KEY : VaultTransitFailures.Call.DECRYPT;
        throw VaultTransitFailures.meaning(call, response.statusCode(), answer.path("errors"))
                .error("Vault answered with HTTP status " + response.statusCode());
    }

    private HttpResponse<byte[]> send(String path, Map<String, String> body) {
        CompletableFuture<HttpResponse<byte[]>> response =
                http.sendAsync(request(path, body), ShortBody.of(MAX_BODY_BYTES));
        try {
            // The time limit of a request of the JDK ends with the headers of its answer.
            return response.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw ErrorCode.KMS_TIMEOUT.error("Vault did not answer in time");
        } catch (ExecutionException e) {
            throw e.getCause() instanceof HttpTimeoutException
                    ? ErrorCode.KMS_TIMEOUT.error("Vault did not answer in time")
                    : ErrorCode.KMS_UNAVAILABLE.error("Vault did not answer");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw ErrorCode.KMS_UNAVAILABLE.error("the call to Vault was interrupted");
        } finally {
            response.cancel(true);
        }
    }

    private HttpRequest request(String path, Map<String, String> body) {
        try {
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + path))
                    .header("X-Vault-Token", token.get())
                    .header("X-Vault-Request", "true");
            namespace.ifPresent(name -> request.header("X-Vault-Namespace", name));
            return body == null
                    ? request.build()
                    : request.POST(HttpRequest.BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body))).build();
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("texts are always JSON");
        } catch (IllegalArgumentException e) {
            // Its message may quote the token.
            throw ErrorCode.KMS_UNAVAILABLE.error("there is no token for Vault");
        }
    }

    private static JsonNode parsed(byte[] body) {
        try {
            JsonNode tree = JSON.readTree(body);
            return tree == null ? MissingNode.getInstance() : tree;
        } catch (IOException e) {
            // It is not JSON.
            return MissingNode.getInstance();
        }
    }

    private static byte[] decoded(JsonNode plaintext) {
        byte[] bytes = new byte[0];
        if (plaintext.isTextual()) {
            try {
                bytes = Base64.getDecoder().decode(plaintext.textValue());
            } catch (IllegalArgumentException e) {
                // It is not base64.
            }
        }
        if (bytes.length == 0) {
            throw ErrorCode.KMS_UNAVAILABLE.error("Vault answered without a plaintext");
        }
        return bytes;
    }

    private static void require(boolean condition, String otherwise) {
        if (!condition) {
            throw new IllegalArgumentException(otherwise);
        }
    }
}
