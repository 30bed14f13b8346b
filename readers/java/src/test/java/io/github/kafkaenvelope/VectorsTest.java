package io.github.kafkaenvelope;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class VectorsTest {
    @Test
    void theRepositoryHasVectors() throws IOException {
        assertFalse(Vector.all().isEmpty());
    }

    @TestFactory
    Stream<DynamicContainer> everyVectorHasTheStatedResult() throws IOException {
        return Vector.files().stream().map(VectorsTest::container);
    }

    private static DynamicContainer container(Path file) {
        try {
            List<Vector> vectors = Vector.read(file);
            return DynamicContainer.dynamicContainer(file.getFileName().toString(), vectors.stream()
                    .map(v -> DynamicTest.dynamicTest(v.name(), () -> assertEquals(v.expected(), v.outcome()))));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
