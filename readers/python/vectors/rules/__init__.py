"""Makes the rule vectors: real keyrings, real wrappings and rules (format section 17)."""
