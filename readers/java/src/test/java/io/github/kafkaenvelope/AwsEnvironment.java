package io.github.kafkaenvelope;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/** The properties of the JVM in which every AWS SDK finds credentials, and a server that unwraps {@link Sealer#DEK}. */
final class AwsEnvironment implements AutoCloseable {
    private final AtomicInteger calls = new AtomicInteger();
    private final HttpServer server;
    private final Map<String, String> properties;

    AwsEnvironment(String cmk) throws IOException {
        byte[] answer = ("{\"KeyId\":\"" + cmk + "\",\"Plaintext\":\"" + Base64.getEncoder().encodeToString(Sealer.DEK)
                + "\",\"EncryptionAlgorithm\":\"SYMMETRIC_DEFAULT\"}").getBytes(StandardCharsets.UTF_8);
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            calls.incrementAndGet();
            exchange.getRequestBody().readAllBytes();
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
        properties = Map.of("aws.endpointUrlKms", "http://127.0.0.1:" + server.getAddress().getPort(),
                "aws.accessKeyId", "test", "aws.secretAccessKey", "test");
        properties.forEach(System::setProperty);
    }

    int calls() {
        return calls.get();
    }

    @Override
    public void close() {
        properties.keySet().forEach(System::clearProperty);
        server.stop(0);
    }
}
