package io.github.kafkaenvelope;

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
import java.util.List;
import java.util.Map;
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
    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final ObjectMapper JSON = new ObjectMapper();
    /** The engine requires a context. No other one has this text. */
    private static final String EMPTY_CONTEXT = "{}";

    /** What an answer means; the first row that matches counts. */
    private static final List<Row> ROWS = List.of(
            new Row(400, "encryption key not found", ErrorCode.CMK_NOT_FOUND),
            new Row(400, "version is too new", ErrorCode.CMK_NOT_FOUND),
            new Row(400, "soft-deleted key", ErrorCode.CMK_DISABLED),
            new Row(400, "disallowed by policy (too old)", ErrorCode.CMK_DISABLED),
            new Row(400, "not supported for key type", ErrorCode.CMK_UNUSABLE),
            new Row(400, "message authentication failed", ErrorCode.UNWRAP_FAILED),
            new Row(400, "invalid ciphertext", ErrorCode.UNWRAP_FAILED),
            new Row(403, "", ErrorCode.KMS_DENIED),
            new Row(404, "no handler for route", ErrorCode.CMK_NOT_FOUND),
            new Row(429, "", ErrorCode.KMS_THROTTLED));

    private final HttpClient http;
    private final String base;
    private final String prefix;
    private final Supplier<String> token;

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
        require(address.getUserInfo() == null && address.getQuery() == null, "the address has a user or a query");
        require(NAME.matcher(name).matches() && PATH.matcher(mount).matches(), "the name or the mount is not valid");
        require(http.followRedirects() == HttpClient.Redirect.NEVER, "the client follows redirects");
        this.http = http;
        this.base = address.toString().replaceFirst("/$", "") + "/v1/" + mount + "/";
        this.prefix = name + "/";
        this.token = token;
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
        JsonNode derived = call("keys/" + key, null).path("derived");
        if (!derived.isBoolean() || !derived.booleanValue()) {
            throw ErrorCode.CMK_UNUSABLE.error("the key is not derived, so the context would be ignored");
        }
        String context = canonicalContext.isEmpty() ? EMPTY_CONTEXT : canonicalContext;
        byte[] utf8 = context.getBytes(StandardCharsets.UTF_8);
        Map<String, String> body = Map.of("ciphertext", ciphertext, "context", Base64.getEncoder().encodeToString(utf8));
        return decoded(call("decrypt/" + key, body).path("plaintext"));
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
        throw meaning(body == null, response.statusCode(), answer.path("errors"))
                .error("Vault answered with HTTP status " + response.statusCode());
    }

    private HttpResponse<byte[]> send(String path, Map<String, String> body) {
        try {
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + path))
                    .timeout(TIMEOUT)
                    .header("X-Vault-Token", token.get())
                    .header("X-Vault-Request", "true");
            if (body != null) {
                request.POST(HttpRequest.BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body)));
            }
            return http.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
        } catch (HttpTimeoutException e) {
            throw ErrorCode.KMS_TIMEOUT.error("Vault did not answer in time");
        } catch (IOException e) {
            throw ErrorCode.KMS_UNAVAILABLE.error("Vault did not answer");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw ErrorCode.KMS_UNAVAILABLE.error("the call to Vault was interrupted");
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

    /** Only Vault itself says {@code errors}. What is unknown, or comes from something else, is not a refusal. */
    private static ErrorCode meaning(boolean looks, int status, JsonNode errors) {
        if (!errors.isArray()) {
            return status == 429 ? ErrorCode.KMS_THROTTLED : ErrorCode.KMS_UNAVAILABLE;
        }
        if (looks && status == 404) {
            return ErrorCode.CMK_NOT_FOUND;
        }
        String texts = errors.toString();
        return ROWS.stream()
                .filter(row -> row.status == status && texts.contains(row.says))
                .findFirst()
                .map(Row::code)
                .orElse(ErrorCode.KMS_UNAVAILABLE);
    }

    private static byte[] decoded(JsonNode plaintext) {
        try {
            return Base64.getDecoder().decode(plaintext.isTextual() ? plaintext.textValue() : "?");
        } catch (IllegalArgumentException e) {
            throw ErrorCode.KMS_UNAVAILABLE.error("Vault answered without a plaintext");
        }
    }

    private static void require(boolean condition, String otherwise) {
        if (!condition) {
            throw new IllegalArgumentException(otherwise);
        }
    }

    private record Row(int status, String says, ErrorCode code) {
    }
}
