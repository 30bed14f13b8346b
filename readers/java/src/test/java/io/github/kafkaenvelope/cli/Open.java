package io.github.kafkaenvelope.cli;

import io.github.kafkaenvelope.Written;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Command for checks by hand and by other programs; README.md has its call.
 *
 * <pre>
 * vectors FILE…                                       a line per disagreement, then a count; exit 1 on any
 * written CASES OUT                                   values sealed with dictionaries, as vectors for other readers
 * kms CASES                                           a JSON line per record, opened with the help of a KMS
 * topics --brokers HOST:PORT --keyring FILE TOPIC…    a JSON line per record, from the beginning to the current end
 * kafka-ui --brokers HOST:PORT --config FILE TOPIC    a JSON line per record: what kafka-ui shows with this application.yml
 * </pre>
 */
public final class Open {
    private static final int USAGE = 2;

    private Open() {
    }

    public static void main(String[] args) throws Exception {
        List<String> words = Arrays.asList(args);
        if (words.size() > 1 && words.get(0).equals("vectors")) {
            System.exit(Vectors.run(words.subList(1, words.size()), System.out) ? 0 : 1);
        }
        if (words.size() == 3 && words.get(0).equals("written")) {
            Written.write(Path.of(words.get(1)), Path.of(words.get(2)));
            return;
        }
        if (words.size() == 2 && words.get(0).equals("kms")) {
            OpenWithKms.run(Path.of(words.get(1)), System.out);
            return;
        }
        if (words.size() > 5 && words.get(0).equals("topics") && words.get(1).equals("--brokers") && words.get(3).equals("--keyring")) {
            Topics.run(words.get(2), words.get(4), words.subList(5, words.size()), System.out);
            return;
        }
        if (words.size() == 6 && words.get(0).equals("kafka-ui") && words.get(1).equals("--brokers") && words.get(3).equals("--config")) {
            ShowInKafkaUi.run(words.get(2), Path.of(words.get(4)), words.get(5), System.out);
            return;
        }
        System.err.println("usage: Open vectors FILE...\n       Open written CASES OUT\n       Open kms CASES\n       Open topics --brokers HOST:PORT --keyring FILE TOPIC..."
                + "\n       Open kafka-ui --brokers HOST:PORT --config FILE TOPIC");
        System.exit(USAGE);
    }
}
