package io.github.kafkaenvelope;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.Uuid;

/** A Kafka broker of one node in a JVM of its own. */
final class Broker implements AutoCloseable {
    private static final Duration START = Duration.ofSeconds(90);

    private final Process process;
    private final String address;

    private Broker(Process process, String address) {
        this.process = process;
        this.address = address;
    }

    static Broker start(Path folder) throws Exception {
        int port = freePort();
        int controllerPort = freePort();
        Path config = Files.writeString(folder.resolve("server.properties"), String.join("\n",
                "process.roles=broker,controller", "node.id=1",
                "controller.quorum.voters=1@localhost:" + controllerPort,
                "listeners=PLAINTEXT://localhost:" + port + ",CONTROLLER://localhost:" + controllerPort,
                "controller.listener.names=CONTROLLER",
                "log.dirs=" + folder.resolve("data"),
                "offsets.topic.replication.factor=1", "offsets.topic.num.partitions=1",
                "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
                "transaction.state.log.num.partitions=1", "group.initial.rebalance.delay.ms=0"));
        Process format = java(folder, "kafka.tools.StorageTool", "format", "-t", Uuid.randomUuid().toString(), "-c", config.toString());
        if (!format.waitFor(START.toSeconds(), TimeUnit.SECONDS) || format.exitValue() != 0) {
            throw new IOException("the broker's folder was not formatted: " + Files.readString(folder.resolve("log")));
        }
        Broker broker = new Broker(java(folder, "kafka.Kafka", config.toString()), "localhost:" + port);
        try {
            broker.admin().close();
        } catch (Exception e) {
            broker.close();
            throw e;
        }
        return broker;
    }

    String address() {
        return address;
    }

    void createTopic(String name) throws Exception {
        try (Admin admin = admin()) {
            admin.createTopics(List.of(new NewTopic(name, 1, (short) 1))).all().get();
        }
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }

    /** Once the broker answers. */
    private Admin admin() throws Exception {
        int timeout = Math.toIntExact(START.toMillis());
        Admin admin = Admin.create(Map.of("bootstrap.servers", address, "default.api.timeout.ms", timeout,
                "request.timeout.ms", 5000));
        admin.describeCluster().nodes().get(timeout, TimeUnit.MILLISECONDS);
        return admin;
    }

    private static Process java(Path folder, String... command) throws IOException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        ProcessBuilder builder = new ProcessBuilder();
        builder.command().addAll(List.of(java, "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
        builder.command().addAll(List.of(command));
        builder.environment().put("CLASSPATH", System.getProperty("java.class.path"));
        builder.redirectErrorStream(true);
        builder.redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("log").toFile()));
        Process process = builder.start();
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
        return process;
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }
}
