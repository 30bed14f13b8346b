package io.github.kafkaenvelope.kafkaui;

import java.util.Map;

/** An entry of {@code kafka.clusters[].serde}, with the members that kafka-ui binds. */
public final class SerdeConfig {
    String name;
    String className;
    String filePath;
    Map<String, Object> properties;
    String topicKeysPattern;
    String topicValuesPattern;

    public void setName(String name) {
        this.name = name;
    }

    public void setClassName(String className) {
        this.className = className;
    }

    public void setFilePath(String filePath) {
        this.filePath = filePath;
    }

    public void setProperties(Map<String, Object> properties) {
        this.properties = properties;
    }

    public void setTopicKeysPattern(String topicKeysPattern) {
        this.topicKeysPattern = topicKeysPattern;
    }

    public void setTopicValuesPattern(String topicValuesPattern) {
        this.topicValuesPattern = topicValuesPattern;
    }
}
