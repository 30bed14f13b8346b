package io.github.kafkaenvelope;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
    void theRepositoryHasVectorsOfBothKinds() throws IOException {
        long rules = 0;
        for (Path file : VectorFile.all()) {
            rules += VectorFile.read(file).stream().filter(RuleVector.class::isInstance).count();
        }
        assertTrue(rules >= 150);
        assertTrue(Vector.all().size() >= 1000);
    }

    @TestFactory
    Stream<DynamicContainer> everyVectorHasTheStatedResult() throws IOException {
        return VectorFile.all().stream().map(VectorsTest::container);
    }

    private static DynamicContainer container(Path file) {
        try {
            List<TestVector> vectors = VectorFile.read(file);
            return DynamicContainer.dynamicContainer(file.getParent().getFileName() + "/" + file.getFileName(), vectors.stream()
                    .map(v -> DynamicTest.dynamicTest(v.name(), () -> assertEquals(v.expected(), v.outcome()))));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
