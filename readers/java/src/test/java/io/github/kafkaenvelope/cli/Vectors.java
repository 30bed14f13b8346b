package io.github.kafkaenvelope.cli;

import io.github.kafkaenvelope.TestVector;
import io.github.kafkaenvelope.VectorFile;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;

/** Compares this reader with test vectors of both kinds. */
final class Vectors {
    private Vectors() {
    }

    /** Prints a line per disagreement and a closing count; returns whether there was none. */
    static boolean run(List<String> files, PrintStream out) throws IOException {
        int count = 0;
        int disagreements = 0;
        for (String file : files) {
            for (TestVector vector : VectorFile.read(Path.of(file))) {
                count++;
                String outcome = vector.outcome();
                if (!outcome.equals(vector.expected())) {
                    disagreements++;
                    out.println(file + ": " + vector.name() + ": stated " + vector.expected() + ", got " + outcome);
                }
            }
        }
        out.println(count + " vectors, " + disagreements + " disagreements");
        return disagreements == 0;
    }
}
